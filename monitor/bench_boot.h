/* SPDX-License-Identifier: BSD-2-Clause */
/* What `coracle bench boot` has measured, between who measures (bench_boot.c) and who shows it
 * (bench_report.c). */
#ifndef MONITOR_BENCH_BOOT_H
#define MONITOR_BENCH_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "boot_trace.h"
#include "options.h"
#include "words.h"

/* Behind the marks of a start. */
#define BENCH_ANSWER BOOT_MARK_COUNT     /* the first byte of an HTTP answer */
#define BENCH_END (BOOT_MARK_COUNT + 1u) /* the command has ended */
#define BENCH_STEPS (BOOT_MARK_COUNT + 2u)

struct bench_result {
    const struct options *options;
    const char *on;
    unsigned runs;
    /* at_ns[run * BENCH_STEPS + step]: since the command was started; 0: there was no such step. */
    uint64_t *at_ns;
    bool counted;                      /* before main: */
    uint64_t exits, hypercalls, pages; /* the most of any boot; pages of one */
};

/* Texts to be written; the caller frees them. */
void bench_write_table(const struct bench_result *result, struct text *to);
void bench_write_json(const struct bench_result *result, struct text *to);
void bench_write_svg(const struct bench_result *result, struct text *to);

#endif
