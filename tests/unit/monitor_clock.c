/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/clock.c */
/* The clock page: read as a guest reads it, while the host's clock runs right, fast, or slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "event.h"

#define KHZ 1000000u /* so that a tick is a nanosecond */
#define MS 1000000ull

static uint64_t host_ns;
static struct pvn_clock page;
static struct clock clock_under_test;

uint64_t monotonic_ns(void)
{
    return host_ns;
}

/* System time at a counter's value, by the formula of ABI.md. */
static uint64_t guest_time(uint64_t tsc)
{
    uint64_t ticks = tsc - page.tsc_timestamp;
    ticks = page.tsc_shift < 0 ? ticks >> -page.tsc_shift : ticks << page.tsc_shift;
    return page.system_time_ns +
           (uint64_t)(((unsigned __int128)ticks * page.tsc_to_system_mul) >> 32);
}

static void start(void)
{
    page = (struct pvn_clock){0};
    host_ns = 1000 * MS;
    clock_start(&clock_under_test, &page, KHZ);
}

static void test_scale(void **state)
{
    static const uint32_t frequencies[] = {1,       999,     32768,   1000000, 1999999,
                                           2000001, 2445426, 2600000, 5000000, 4294967295u};
    (void)state;
    for (size_t i = 0; i < sizeof frequencies / sizeof frequencies[0]; i++) {
        uint32_t khz = frequencies[i], mul;
        int8_t shift;
        clock_scale(khz, &mul, &shift);
        /* One hour of ticks is one hour, to the 31 bits of precision that the multiplier has. */
        uint64_t ticks = (uint64_t)khz * 3600000;
        ticks = shift < 0 ? ticks >> -shift : ticks << shift;
        uint64_t ns = (uint64_t)(((unsigned __int128)ticks * mul) >> 32);
        assert_in_range(ns, 3600000 * MS - 2000, 3600000 * MS + 2000);
    }
}

static void test_starts_at_zero(void **state)
{
    (void)state;
    start();
    assert_int_equal(page.system_time_ns, 0);
    assert_int_equal(page.version % 2, 0);
    assert_int_equal(page.wall_version % 2, 0);
    assert_int_equal(page.wall_sec_high, 0);
    assert_true(page.wall_sec > 1600000000u);
    assert_int_equal(page.vm_generation, 1);
}

static void test_refreshes_are_rare(void **state)
{
    (void)state;
    start();
    uint32_t version = page.version;
    host_ns += MS;
    clock_refresh(&clock_under_test);
    assert_int_equal(page.version, version);
    host_ns += 20 * MS;
    clock_refresh(&clock_under_test);
    assert_int_equal(page.version, version + 2);
}

/* The counter says that less time went by than did: the clock is put forward. */
static void test_slow_counter(void **state)
{
    (void)state;
    start();
    host_ns += 5000 * MS;
    clock_refresh(&clock_under_test);
    assert_int_equal(page.system_time_ns, 5000 * MS);
    assert_int_equal(page.tsc_to_system_mul, clock_under_test.nominal_mul);
}

/* It says that more went by: never backwards, but slower until it fits. */
static void test_fast_counter(void **state)
{
    (void)state;
    start();
    page.tsc_timestamp -= 3000 * MS; /* three seconds ahead */
    host_ns += 20 * MS;
    uint64_t before = guest_time(__builtin_ia32_rdtsc());
    clock_refresh(&clock_under_test);
    uint64_t after = guest_time(__builtin_ia32_rdtsc());
    assert_true(before >= 3000 * MS);
    assert_true(after >= before);
    assert_true(page.tsc_to_system_mul < clock_under_test.nominal_mul);
    assert_true(page.tsc_to_system_mul > clock_under_test.nominal_mul / 1000 * 999);
    /* The host catches up. */
    host_ns += 100000000 * MS;
    clock_refresh(&clock_under_test);
    assert_int_equal(page.tsc_to_system_mul, clock_under_test.nominal_mul);
}

/* Somebody sets the host's wall clock (here: the other one of the two moves). */
static void test_wall_clock_is_followed(void **state)
{
    (void)state;
    start();
    uint32_t sec = page.wall_sec, version = page.wall_version;
    host_ns += 20 * MS; /* no real time goes by: as if wall time went back by as much */
    clock_refresh(&clock_under_test);
    assert_int_equal(page.wall_version, version + 2);
    host_ns += 3600000 * MS;
    clock_refresh(&clock_under_test);
    assert_int_equal(page.wall_version, version + 4);
    assert_in_range(page.wall_sec, sec - 3602, sec - 3598);
    assert_true(page.wall_nsec < 1000000000u);
}

static void test_deadlines(void **state)
{
    (void)state;
    start();
    assert_int_equal(clock_to_monotonic(&clock_under_test, 0), 1000 * MS);
    assert_int_equal(clock_to_monotonic(&clock_under_test, 5), 1000 * MS + 5);
    assert_true(clock_to_monotonic(&clock_under_test, PVN_NO_DEADLINE) == UINT64_MAX);
    assert_true(clock_to_monotonic(&clock_under_test, UINT64_MAX - 1000 * MS) == UINT64_MAX);
    assert_true(clock_to_monotonic(&clock_under_test, 1ull << 63) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_starts_at_zero),
        cmocka_unit_test(test_refreshes_are_rare),
        cmocka_unit_test(test_slow_counter),
        cmocka_unit_test(test_fast_counter),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_wall_clock_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
