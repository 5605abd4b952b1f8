/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/blk.c kernel/device.c kernel/sched.c kernel/thread.c kernel/sync.c */
/* sources: kernel/timer.c kernel/event.c kernel/page.c kernel/bitmap.c */
/* sources: arch/x86_64/context.c arch/x86_64/switch.S tests/unit/kernel/fake.c */
/* sources: tests/unit/kernel/fake_ram.c tests/unit/kernel/fake_blk.c */
/* cflags: --param asan-stack=0 */
/*
 * The block layer over a device of the test's: small rings, completions in any order, an event only
 * when one was asked for. A wake-up that the layer loses ends the test ("sleeps for ever").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/bootrec.h"
#include "kernel/blk.h"
#include "kernel/errno.h"
#include "kernel/fake.h"
#include "kernel/fake_blk.h"
#include "kernel/first.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

#define RAM_PAGES 2048u

static struct blk *blk;

static int start(void **state)
{
    (void)state;
    fake_ram_start(RAM_PAGES);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    fake_blk_reset();
    return 0;
}

static void opens_what_there_is(void **state)
{
    struct blk *again;
    struct blk_info info;

    (void)state;
    assert_int_equal(blk_open(0, &blk), 0);
    assert_int_equal(blk_open(0, &again), 0);
    assert_ptr_equal(again, blk);
    assert_int_equal(blk_open(1, &again), -EIO); /* attaching fails */
    assert_int_equal(blk_count(), 5);
    assert_int_equal(blk_open(5, &again), -ENODEV);
    assert_int_equal(blk_open(1000, &again), -ENODEV);
    blk_info(blk, &info);
    assert_int_equal(info.sector_count, SECTORS);
    assert_true(info.can_flush && info.can_discard && !info.read_only);
    assert_int_equal(refreshes, 0); /* that is a trip to the host */
    blk_info_now(blk, &info);
    assert_int_equal(refreshes, 1);
}

static void transfers_of_any_size_arrive_whole(void **state)
{
    static uint8_t from[200 * PV_SECTOR_BYTES + 1], to[200 * PV_SECTOR_BYTES + 3];

    (void)state;
    for (unsigned i = 0; i < sizeof(from); i++)
        from[i] = (uint8_t)(i * 31 + i / 512);
    for (unsigned count = 0; count <= 200; count += count < 20 ? 1 : 45) {
        memset(to, 0, sizeof(to));
        assert_int_equal(blk_write(blk, 100 + count, from + 1, count), 0);
        assert_int_equal(blk_read(blk, 100 + count, to + 3, count), 0);
        assert_memory_equal(to + 3, from + 1, count * PV_SECTOR_BYTES);
        assert_memory_equal(disk + (100 + count) * PV_SECTOR_BYTES, from + 1,
                            count * PV_SECTOR_BYTES);
    }
}

static void one_kick_tells_of_a_full_ring(void **state)
{
    static uint8_t to[42 * PV_SECTOR_BYTES];

    (void)state;
    kicks = 0;
    assert_int_equal(blk_read(blk, 0, to, 42), 0);
    assert_int_equal(kicks, 1); /* six requests of seven sectors */
}

static void requests_are_cut_between_blocks(void **state)
{
    static uint8_t to[80 * PV_SECTOR_BYTES];

    (void)state;
    device_state.block_bytes = 4096;
    device_state.sectors_max = 21;
    assert_int_equal(blk_read(blk, 8, to, 80), 0);
}

static void bounds_and_rights_are_kept(void **state)
{
    uint8_t sector[PV_SECTOR_BYTES];

    (void)state;
    refreshes = 0;
    assert_int_equal(blk_read(blk, 0, sector, 1), 0);
    assert_int_equal(refreshes, 0);
    assert_int_equal(blk_read(blk, SECTORS, sector, 1), -EINVAL);
    assert_int_equal(refreshes, 1); /* it might have grown */
    assert_int_equal(blk_read(blk, SECTORS - 1, sector, 2), -EINVAL);
    assert_int_equal(blk_read(blk, UINT64_MAX, sector, 1), -EINVAL);
    assert_int_equal(blk_write(blk, 1, sector, SIZE_MAX), -EINVAL);
    assert_int_equal(blk_read(blk, SECTORS, sector, 0), 0);
    assert_int_equal(blk_discard(blk, SECTORS - 1, 2), -EINVAL);
    assert_int_equal(blk_discard(blk, 10, 20), 0);
    assert_int_equal(discarded, 20);
    assert_int_equal(blk_flush(blk), 0);
    assert_int_equal(flushes, 1);
    device_state.read_only = true;
    assert_int_equal(blk_write(blk, 0, sector, 1), -EROFS);
    assert_int_equal(blk_discard(blk, 0, 1), -EROFS);
    device_state.can_discard = device_state.can_flush = false;
    assert_int_equal(blk_discard(blk, 0, 1), -EOPNOTSUPP);
    assert_int_equal(blk_flush(blk), 0); /* nothing is cached: nothing to do */
    assert_int_equal(flushes, 1);
}

static void an_error_is_that_of_its_caller(void **state)
{
    static uint8_t data[64 * PV_SECTOR_BYTES];
    uint64_t errors = metrics.blk_errors;

    (void)state;
    assert_int_equal(blk_read(blk, BAD_SECTOR - 30, data, 64), -EIO);
    assert_int_equal(blk_write(blk, BAD_SECTOR, data, 1), -EIO);
    assert_int_equal(blk_read(blk, BAD_SECTOR - 30, data, 30), 0);
    assert_int_equal(metrics.blk_errors, errors + 2);
}

static void after_an_error_nothing_more_is_queued(void **state)
{
    static uint8_t data[64 * PV_SECTOR_BYTES];
    uint64_t writes = metrics.blk_requests[PV_BLK_WRITE];

    (void)state;
    fake.on_wait = device_works_on_one;
    assert_int_equal(blk_write(blk, BAD_SECTOR, data, 64), -EIO);
    assert_int_equal(metrics.blk_requests[PV_BLK_WRITE], writes + RING);
}

static void read_sectors(void *argument)
{
    uint8_t *data = malloc(42 * PV_SECTOR_BYTES);

    assert_int_equal(blk_read(blk, 0, data, (uintptr_t)argument), 0);
    free(data);
}

/* Whoever leaves with its own sees to it that the others are still woken. */
static void those_who_stay_are_not_forgotten(void **state)
{
    static const uintptr_t sectors[3] = {1, 1, 1};
    struct thread *threads[3];

    (void)state;
    fake.on_wait = device_works_on_one;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(thread_create(&threads[i], NULL, read_sectors, (void *)sectors[i]), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(thread_join(threads[i]), 0);
}

static void those_who_found_no_room_get_it(void **state)
{
    static const uintptr_t sectors[3] = {42, 1, 2};
    struct thread *threads[3];

    (void)state;
    fake.on_wait = device_works_on_all;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(thread_create(&threads[i], NULL, read_sectors, (void *)sectors[i]), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(thread_join(threads[i]), 0);
}

/* Not everybody for each free slot: with many more threads than slots that would be most of the work. */
static void room_wakes_as_many_as_it_is_for(void **state)
{
    struct thread *threads[60];

    (void)state;
    fake.on_wait = device_works_on_one;
    takes = 0;
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(thread_create(&threads[i], NULL, read_sectors, (void *)1), 0);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(thread_join(threads[i]), 0);
    assert_true(takes < 60 * 10);
}

static void maybe_interrupt(void)
{
    unsigned mask;

    fake.now_ns += (unsigned)rand() % 12000000;
    if (rand() % 2 == 0)
        return;
    mask = upcalls_mask();
    kernel_upcall();
    upcalls_restore(mask);
}

#define AREA 100u
static unsigned failures;

static void read_and_write(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint8_t *data = malloc(AREA * PV_SECTOR_BYTES), expected[AREA];

    memset(expected, 0, sizeof(expected));
    for (unsigned round = 0; round < 60; round++) {
        unsigned first = (unsigned)rand() % AREA, count = 1 + (unsigned)rand() % (AREA - first);

        maybe_interrupt();
        if (rand() % 2 == 0) {
            memset(data, (int)(self * 60 + round), count * PV_SECTOR_BYTES);
            memset(expected + first, (int)(self * 60 + round), count);
            failures += blk_write(blk, self * AREA + first, data, count) != 0;
        } else {
            failures += blk_read(blk, self * AREA + first, data, count) != 0;
            for (unsigned i = 0; i < count; i++)
                failures += data[i * PV_SECTOR_BYTES + 5] != expected[first + i];
        }
        maybe_interrupt();
    }
    free(data);
}

static void many_threads_get_their_own(void **state)
{
    uint64_t reads = metrics.blk_requests[PV_BLK_READ];

    (void)state;
    for (unsigned seed = 0; seed < 10; seed++) {
        struct thread *threads[12];

        srand(seed);
        memset(disk, 0, sizeof(disk));
        for (uintptr_t i = 0; i < 12; i++)
            assert_int_equal(thread_create(&threads[i], NULL, read_and_write, (void *)i), 0);
        for (unsigned i = 0; i < 12; i++)
            assert_int_equal(thread_join(threads[i]), 0);
        assert_int_equal(failures, 0);
    }
    assert_true(metrics.blk_requests[PV_BLK_READ] > reads + 1000);
    assert_true(metrics.blk_latency_ns > 0);
}

/* ---- a controller ---- */

static void disks_of_a_controller_share_it(void **state)
{
    uint8_t from[9 * PV_SECTOR_BYTES], to[9 * PV_SECTOR_BYTES];
    struct blk *first, *second, *failed;

    (void)state;
    assert_int_equal(blk_open(2, &first), 0);
    assert_int_equal(blk_open(3, &second), 0);
    assert_ptr_not_equal(first, second);
    assert_int_equal(blk_open(4, &failed), -EIO); /* the controller that fails counts as one */
    memset(from, 7, sizeof(from));
    assert_int_equal(blk_write(first, 20, from, 9), 0);
    assert_int_equal(blk_read(second, 20, to, 9), 0); /* they show the same data, here */
    assert_memory_equal(to, from, sizeof(to));
}

static void disk_goes(void)
{
    controller_disks[0].fault = "it was removed";
    device_works_on_all();
}

/* What was posted to a disk that goes alone is waited for; the other disk works on. */
static void a_disk_goes_alone(void **state)
{
    static uint8_t data[64 * PV_SECTOR_BYTES];
    struct blk *first, *second, *again;

    (void)state;
    assert_int_equal(blk_open(2, &first), 0);
    assert_int_equal(blk_open(3, &second), 0);
    fake.on_wait = disk_goes;
    assert_int_equal(blk_read(first, 0, data, 64), -EIO);
    assert_int_equal(ring_count + done_count, 0);
    fake.on_wait = device_works;
    assert_int_equal(blk_read(first, 0, data, 1), -EIO);
    assert_int_equal(blk_open(2, &again), -EIO);
    assert_int_equal(blk_read(second, 0, data, 64), 0);
}

static void device_breaks(void)
{
    device_state.fault = "used ring names a descriptor that was not posted";
    if (event_asked)
        fake_event(EVENT);
    event_asked = false;
}

static unsigned refused;

static void expect_failure(void *argument)
{
    uint8_t *data = malloc(30 * PV_SECTOR_BYTES);

    refused += blk_read(blk, (uintptr_t)argument * 30, data, 30) == -EIO;
    free(data);
}

/* The last test: the device never comes back. */
static void a_lost_device_fails_all_and_hangs_nobody(void **state)
{
    struct thread *threads[5];
    uint8_t sector[PV_SECTOR_BYTES];

    (void)state;
    fake.on_wait = device_breaks;
    for (uintptr_t i = 0; i < 5; i++)
        assert_int_equal(thread_create(&threads[i], NULL, expect_failure, (void *)i), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(thread_join(threads[i]), 0);
    assert_int_equal(refused, 5);
    assert_int_equal(cpu_boot.answers_due, 0); /* nobody looks for its answers any more */
    fake.on_wait = NULL;
    assert_int_equal(blk_read(blk, 0, sector, 1), -EIO);
    assert_int_equal(blk_flush(blk), -EIO);
}

#define test(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(opens_what_there_is),
        test(transfers_of_any_size_arrive_whole),
        test(one_kick_tells_of_a_full_ring),
        test(requests_are_cut_between_blocks),
        test(bounds_and_rights_are_kept),
        test(an_error_is_that_of_its_caller),
        test(after_an_error_nothing_more_is_queued),
        test(those_who_stay_are_not_forgotten),
        test(those_who_found_no_room_get_it),
        test(room_wakes_as_many_as_it_is_for),
        test(many_threads_get_their_own),
        test(disks_of_a_controller_share_it),
        test(a_disk_goes_alone),
        test(a_lost_device_fails_all_and_hangs_nobody),
    };

    return cmocka_run_group_tests_name("kernel_blk", tests, start, NULL);
}
