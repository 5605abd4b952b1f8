/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: arch/x86_64/pvclock.c */
/* libs: -pthread */
/* The clock page's reader, against a page that stands still and one that is being rewritten. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "arch/pvclock.h"

static struct pvclock page;

/* What one reading gave lies between the scaled counter before and after it. */
static void check_scale(uint32_t multiplier, int8_t shift, uint64_t stamp)
{
    uint64_t base = 5000, before, after, read;

    page = (struct pvclock){.version = 2,
                            .tsc_timestamp = stamp,
                            .system_time_ns = base,
                            .tsc_to_system_mul = multiplier,
                            .tsc_shift = shift};
    before = arch_cycles() - stamp;
    read = pvclock_read_ns(&page);
    after = arch_cycles() - stamp;
    before = shift < 0 ? before >> -shift : before << shift;
    after = shift < 0 ? after >> -shift : after << shift;
    assert_in_range(read, base + (uint64_t)((unsigned __int128)before * multiplier >> 32),
                    base + (uint64_t)((unsigned __int128)after * multiplier >> 32));
}

static void scales_the_counter(void **state)
{
    uint64_t now = arch_cycles();

    (void)state;
    check_scale(0x80000000u, 0, now);
    check_scale(0x80000000u, 1, now - 1000000);
    check_scale(0xffffffffu, -1, now - 1000000);
    check_scale(0xc4ec4ec4u, -1, 0); /* the product needs more than 64 bits */
    check_scale(0x80000000u, 0,
                0 - 1000000ull); /* older than the guest, whose counter began at 0 */
}

static void a_stamp_from_the_future_is_no_jump(void **state)
{
    (void)state;
    page = (struct pvclock){.tsc_timestamp = arch_cycles() + (1ull << 40),
                            .system_time_ns = 777,
                            .tsc_to_system_mul = 0x80000000u};
    assert_int_equal(pvclock_read_ns(&page), 777);
}

static void a_senseless_shift_does_nothing(void **state)
{
    (void)state;
    page = (struct pvclock){.system_time_ns = 777, .tsc_to_system_mul = 1, .tsc_shift = 100};
    assert_int_equal(pvclock_read_ns(&page), 777);
    page.tsc_shift = -128;
    assert_int_equal(pvclock_read_ns(&page), 777);
}

static void wall_time_has_64_bits_of_seconds(void **state)
{
    (void)state;
    page = (struct pvclock){.wall_sec = 5, .wall_nsec = 6};
    assert_int_equal(pvclock_wall_ns(&page), 5000000006);
    page.wall_sec_high = 1;
    assert_true(pvclock_wall_ns(&page) == ((1ull << 32) + 5) * 1000000000 + 6);
}

static unsigned late_calls;

static void start_late(void)
{
    late_calls++;
    page.system_time_ns = 777;
    page.wall_sec = 5;
    page.version++;
    page.wall_version++;
}

/* The first reading of either half sets a late clock going, and no other does. */
static void starts_a_late_clock(void **state)
{
    (void)state;
    pvclock_late = start_late;
    page = (struct pvclock){.version = 1, .wall_version = 1};
    assert_int_equal(pvclock_read_ns(&page), 777);
    assert_int_equal(pvclock_wall_ns(&page), 5000000000);
    assert_int_equal(late_calls, 1);
    page = (struct pvclock){.version = 1, .wall_version = 1};
    assert_int_equal(pvclock_wall_ns(&page), 5000000000);
    assert_int_equal(pvclock_read_ns(&page), 777);
    assert_int_equal(late_calls, 2);
    pvclock_late = NULL;
}

/* Rewrites the page all the time. Every state says the same time of day, 10^12 and a little; a mix
 * of two states would not. */
static int stop;

static void *rewrite(void *argument)
{
    for (uint64_t round = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); round++) {
        uint64_t far = round % 2 == 0 ? 1ull << 40 : 0;

        page.version++;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        page.tsc_to_system_mul = 0x80000000u;
        page.tsc_shift = 1; /* one cycle, one nanosecond */
        page.tsc_timestamp = *(uint64_t *)argument - far;
        for (volatile int pause = 0; pause < 50; pause++)
            ;
        page.system_time_ns = 1000000000000ull - far;
        page.wall_sec = (uint32_t)round;
        page.wall_nsec = (uint32_t)round;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        page.version++;
        for (volatile int pause = 0; pause < 50; pause++)
            ;
    }
    return NULL;
}

static void never_mixes_two_states(void **state)
{
    uint64_t origin, previous = 0;
    pthread_t writer;

    (void)state;
    page = (struct pvclock){.version = 1}; /* being written: the reader waits */
    origin = arch_cycles();
    page.version = 0;
    page.tsc_to_system_mul = 0x80000000u;
    page.tsc_shift = 1;
    page.tsc_timestamp = origin;
    page.system_time_ns = 1000000000000ull;
    assert_int_equal(pthread_create(&writer, NULL, rewrite, &origin), 0);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t read = pvclock_read_ns(&page);

        assert_true(read >= previous);
        assert_true(read - 1000000000000ull < 1ull << 38);
        previous = read;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(writer, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_the_counter),
        cmocka_unit_test(a_stamp_from_the_future_is_no_jump),
        cmocka_unit_test(a_senseless_shift_does_nothing),
        cmocka_unit_test(wall_time_has_64_bits_of_seconds),
        cmocka_unit_test(starts_a_late_clock),
        cmocka_unit_test(never_mixes_two_states),
    };

    return cmocka_run_group_tests_name("pvclock", tests, NULL, NULL);
}
