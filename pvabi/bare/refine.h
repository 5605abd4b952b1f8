/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A measured TSC frequency, made better while the program runs: whenever the one timer is set anew
 * or fires, how far it got is compared with the TSC. No wake-up is asked for. Pure; for clock.c and
 * host tests.
 */
#ifndef BARE_REFINE_H
#define BARE_REFINE_H

#include <stdbool.h>
#include <stdint.h>

struct bare_refine {
    uint32_t khz;          /* of the TSC, as far as it is known; 0: nothing to refine */
    uint32_t doubtful_khz; /* what the last comparison said if it was too far off, or 0 */
    uint32_t worth_ns;     /* of the comparison that khz is from */
    uint32_t count;        /* the running timer's, in nanoseconds; 0: it is not running */
    uint64_t tsc;          /* when it was started */
};

/* A frequency was measured over `worth_ns`. */
void bare_refine_init(struct bare_refine *refine, uint32_t khz, uint32_t worth_ns);
/* The timer was started at `tsc` to count `count` nanoseconds down. */
void bare_refine_start(struct bare_refine *refine, uint64_t tsc, uint32_t count);
/* The timer had `left` to go at `tsc`, 0: it has just fired; it is started anew or stopped. True:
 * the frequency in refine->khz has changed. */
bool bare_refine_stop(struct bare_refine *refine, uint64_t tsc, uint32_t left);

#endif
