/* SPDX-License-Identifier: BSD-2-Clause */
/* A measured frequency becomes better while a made-up machine runs, and time never goes back. */
/* sources: pvabi/bare/refine.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pvabi/bare/refine.h"

#define NS_PER_SEC 1000000000ull
#define TRUE_KHZ 2893217u

static struct bare_refine refine;
static uint64_t true_ns; /* since the machine was switched on */

static uint64_t tsc_at(uint64_t ns)
{
    return (uint64_t)((unsigned __int128)ns * TRUE_KHZ / 1000000u);
}

/* The timer is set to `count` and stopped when `ran` have passed; late: by the interrupt's way. */
static bool run(uint32_t count, uint64_t ran, uint64_t late)
{
    bare_refine_start(&refine, tsc_at(true_ns), count);
    true_ns += ran + late;
    return bare_refine_stop(&refine, tsc_at(true_ns), ran < count ? count - (uint32_t)ran : 0);
}

static double error_ppm(void)
{
    return ((double)refine.khz - TRUE_KHZ) / TRUE_KHZ * 1e6;
}

static void begin(double factor)
{
    true_ns = 5 * NS_PER_SEC;
    bare_refine_init(&refine, (uint32_t)(TRUE_KHZ * factor), 100000);
}

/* Ever longer comparisons, then none. */
static void test_better(void **state)
{
    unsigned corrections = 0;

    (void)state;
    begin(1.01);
    assert_false(run(1000000, 500000, 0)); /* too short */
    assert_true(run(1000000000, 20000000, 0));
    assert_true(error_ppm() > -1 && error_ppm() < 1);
    assert_false(run(1000000000, 30000000, 0));
    for (unsigned i = 0; i < 1000; i++)
        corrections += run(4000000000u, 3 * NS_PER_SEC, 0);
    assert_in_range(corrections, 1, 9);
    assert_true(error_ppm() > -1 && error_ppm() < 1);
}

/* A program that only sleeps: its timer always fires, and the interrupt comes late. */
static void test_fired(void **state)
{
    (void)state;
    begin(0.95);
    assert_false(run(100000000, 100000000, 50000)); /* not worth much */
    assert_true(run(2000000000, 2 * NS_PER_SEC, 50000));
    assert_true(error_ppm() > -30 && error_ppm() < 30);
    assert_true(run(1500000000, 1 * NS_PER_SEC, 0)); /* one that did not fire is worth more */
    assert_true(error_ppm() > -1 && error_ppm() < 1);
    assert_false(run(4000000000u, 4 * NS_PER_SEC, 50000));
}

/* A machine that was stopped for an hour: its timer stood still and the TSC did not. */
static void test_stopped(void **state)
{
    uint32_t before;

    (void)state;
    begin(1.001);
    assert_false(run(3000000000u, NS_PER_SEC, 3600 * NS_PER_SEC));
    assert_true(run(3000000000u, NS_PER_SEC, 0));
    before = refine.khz;
    assert_false(run(3000000000u, 2 * NS_PER_SEC + 1, 3600 * NS_PER_SEC));
    assert_int_equal(refine.khz, before);
}

/* The first measurement was far off: two later ones that agree are believed. */
static void test_far_off(void **state)
{
    (void)state;
    begin(2.5);
    assert_false(run(3000000000u, NS_PER_SEC / 4, 0));
    assert_true(run(3000000000u, NS_PER_SEC / 4, 0));
    assert_true(error_ppm() > -1 && error_ppm() < 1);
}

static void test_wild(void **state)
{
    (void)state;
    begin(1);
    bare_refine_start(&refine, 1000, 1000);
    assert_false(bare_refine_stop(&refine, 1000, 2000)); /* more left than there was */
    bare_refine_start(&refine, 1000, 1000000000);
    assert_false(bare_refine_stop(&refine, 999, 1)); /* the TSC goes back */
    bare_refine_start(&refine, 0, 4000000000u);
    assert_false(bare_refine_stop(&refine, UINT64_MAX, 1));
    assert_false(bare_refine_stop(&refine, UINT64_MAX, 1)); /* not running */
    bare_refine_init(&refine, 0, 0);                        /* nothing is measured */
    bare_refine_start(&refine, 0, 4000000000u);
    assert_false(bare_refine_stop(&refine, 10000000000ull, 1));
}

/* Whatever is compared, the rate changes by at most an eighth unless two agree: what a second is
 * taken for stays within bounds, and time, which goes on from where it is, never goes back. */
static void test_any(void **state)
{
    uint32_t before, doubtful;

    (void)state;
    srand(1);
    begin(1);
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t count = (uint32_t)rand() * 2u + 1;
        uint64_t tsc = (uint64_t)rand() << (rand() % 33);

        before = refine.khz;
        doubtful = refine.doubtful_khz;
        refine.worth_ns = 5000000;
        bare_refine_start(&refine, tsc, count);
        if (bare_refine_stop(&refine, tsc + ((uint64_t)rand() << (rand() % 20)),
                             (uint32_t)rand())) {
            int64_t step = (int64_t)refine.khz - before, apart = (int64_t)refine.khz - doubtful;

            assert_true(refine.khz > 0);
            assert_true(llabs(step) <= before / 8 || llabs(apart) <= doubtful / 64);
        } else {
            assert_int_equal(refine.khz, before);
        }
        assert_int_equal(refine.count == 0 || refine.count == count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_better),  cmocka_unit_test(test_fired),
        cmocka_unit_test(test_stopped), cmocka_unit_test(test_far_off),
        cmocka_unit_test(test_wild),    cmocka_unit_test(test_any),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
