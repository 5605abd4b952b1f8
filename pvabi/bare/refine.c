/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of refining (refine.h). A comparison is worth as much as it is long; one that ends with
 * the timer's interrupt, which comes late by an unknown time, a 32nd of that. It counts when it is
 * worth twice the one before, so there are a few corrections in the first seconds and then none. A
 * frequency that differs by more than an eighth counts only if the next comparison confirms it: a
 * machine that stood still meanwhile may have stopped one of the clocks.
 */
#include "refine.h"

#define KHZ_PER_GHZ 1000000u
#define WORTH_NS_MIN 10000000u /* of the first correction */
#define FIRED_SHIFT 5u
#define CHANGE_SHIFT 3u  /* the greatest change at once */
#define CONFIRM_SHIFT 6u /* how well two comparisons agree */

void bare_refine_init(struct bare_refine *refine, uint32_t khz, uint32_t worth_ns)
{
    *refine = (struct bare_refine){.khz = khz, .worth_ns = worth_ns};
    if (refine->worth_ns < WORTH_NS_MIN / 2)
        refine->worth_ns = WORTH_NS_MIN / 2;
}

void bare_refine_start(struct bare_refine *refine, uint64_t tsc, uint32_t count)
{
    refine->tsc = tsc;
    refine->count = refine->khz != 0 ? count : 0;
}

static bool bare_refine_near(uint32_t a, uint32_t b, unsigned shift)
{
    return (a < b ? b - a : a - b) <= a >> shift;
}

bool bare_refine_stop(struct bare_refine *refine, uint64_t tsc, uint32_t left)
{
    uint32_t ran_ns = refine->count - left, worth_ns = left > 0 ? ran_ns : ran_ns >> FIRED_SHIFT;
    uint64_t khz;

    if (refine->count == 0 || left >= refine->count)
        return false;
    refine->count = 0;
    if (worth_ns / 2 < refine->worth_ns || tsc <= refine->tsc ||
        tsc - refine->tsc > UINT64_MAX / KHZ_PER_GHZ)
        return false;
    khz = (tsc - refine->tsc) * KHZ_PER_GHZ / ran_ns;
    if (khz == 0 || khz >= UINT32_MAX)
        return false;
    if (!bare_refine_near(refine->khz, (uint32_t)khz, CHANGE_SHIFT) &&
        !bare_refine_near(refine->doubtful_khz, (uint32_t)khz, CONFIRM_SHIFT)) {
        refine->doubtful_khz = (uint32_t)khz;
        return false;
    }
    refine->khz = (uint32_t)khz;
    refine->worth_ns = worth_ns;
    refine->doubtful_khz = 0;
    return true;
}
