/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: lib/fs/blk_bytes.c */
/* sources: kernel/blk.c kernel/device.c kernel/sched.c kernel/thread.c kernel/sync.c */
/* sources: kernel/timer.c kernel/event.c kernel/page.c kernel/bitmap.c */
/* sources: arch/x86_64/context.c arch/x86_64/switch.S tests/unit/kernel/fake.c */
/* sources: tests/unit/kernel/fake_ram.c tests/unit/kernel/fake_blk.c */
/* cflags: --param asan-stack=0 -Ilib/fs */
/*
 * Bytes of a disk that many threads read and write at once, over a device that answers in any order:
 * nothing written is lost, nothing read is older than what was written before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blk_bytes.h"
#include "kernel/errno.h"
#include "kernel/fake.h"
#include "kernel/fake_blk.h"
#include "kernel/thread.h"

#define BLOCK 4096u
#define WINDOW 16384u
#define THREADS 12u

static struct blk *blk;

static int start(void **state)
{
    (void)state;
    fake_ram_start(2048);
    fake_blk_reset();
    return blk_open(0, &blk);
}

/* Requests of four blocks, so that what is longer is in several parts. */
static int reset(void **state)
{
    static const uint8_t zero[PV_SECTOR_BYTES];

    (void)state;
    fake_blk_reset();
    device_state.block_bytes = BLOCK;
    device_state.sectors_max = 4 * BLOCK / PV_SECTOR_BYTES;
    /* No window keeps what an earlier test has read. */
    for (unsigned i = 0; i < BAD_SECTOR; i += BLOCK / PV_SECTOR_BYTES)
        assert_int_equal(blk_bytes_write(blk, i * PV_SECTOR_BYTES, zero, 1), 0);
    return 0;
}

static void run_threads(void (*work)(void *), unsigned count)
{
    struct thread *threads[THREADS];

    for (uintptr_t i = 0; i < count; i++)
        assert_int_equal(thread_create(&threads[i], NULL, work, (void *)i), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(thread_join(threads[i]), 0);
}

static void write_own_block(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint8_t *data = malloc(BLOCK);

    memset(data, 1 + (int)self, BLOCK);
    assert_int_equal(blk_bytes_write(blk, self * BLOCK, data, BLOCK), 0);
    free(data);
}

static unsigned most_at_once;

static void note_and_work(void)
{
    if (ring_count > most_at_once)
        most_at_once = ring_count;
    device_works_on_all();
}

static void writes_go_side_by_side(void **state)
{
    (void)state;
    most_at_once = 0;
    fake.on_wait = note_and_work;
    run_threads(write_own_block, RING);
    assert_int_equal(most_at_once, RING);
    for (unsigned i = 0; i < RING; i++)
        assert_int_equal(disk[i * BLOCK + 7], 1 + i);
}

#define LONG_BLOCKS 11u

static void write_same_blocks(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint8_t *data = malloc(LONG_BLOCKS * BLOCK);

    memset(data, 1 + (int)self, LONG_BLOCKS * BLOCK);
    assert_int_equal(blk_bytes_write(blk, self % 2 * BLOCK, data, LONG_BLOCKS * BLOCK), 0);
    free(data);
}

/* However many requests each is made of, of overlapping writes one is the last, with all it wrote. */
static void overlapping_writes_end_whole(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        srand(seed);
        run_threads(write_same_blocks, 4);
        for (unsigned i = 1; i < LONG_BLOCKS * BLOCK - BLOCK; i++)
            assert_int_equal(disk[BLOCK + i], disk[BLOCK]);
    }
}

#define OWN_BYTES 100u

/* Each thread owns bytes within blocks that all of them write. */
static void write_and_read_own_bytes(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint8_t expected[OWN_BYTES] = {0}, data[OWN_BYTES];
    uint64_t at = WINDOW - 6 * OWN_BYTES + self * OWN_BYTES; /* on both sides of a border */

    for (unsigned round = 0; round < 60; round++) {
        unsigned first = (unsigned)rand() % OWN_BYTES;
        unsigned count = 1 + (unsigned)rand() % (OWN_BYTES - first);

        if (rand() % 2 == 0) {
            memset(expected + first, (int)(self * 60 + round), count);
            assert_int_equal(blk_bytes_write(blk, at + first, expected + first, count), 0);
        } else {
            assert_int_equal(blk_bytes_read(blk, at + first, data, count), 0);
            assert_memory_equal(data, expected + first, count);
        }
    }
    assert_int_equal(blk_bytes_write(blk, at, (const uint8_t[OWN_BYTES]){0}, OWN_BYTES), 0);
}

static void parts_of_a_block_are_not_lost(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        srand(seed);
        run_threads(write_and_read_own_bytes, THREADS);
    }
}

static uint32_t written; /* the last round that is on the disk */
static bool over;

static void write_rounds(void)
{
    static uint32_t block[BLOCK / sizeof(uint32_t)], other[BLOCK / sizeof(uint32_t)];
    uint32_t found;

    for (uint32_t round = written + 1, end = round + 50; round < end; round++) {
        block[1] = block[BLOCK / sizeof(uint32_t) - 1] = round;
        if (round % 3 == 0)
            assert_int_equal(blk_bytes_write(blk, 5 * BLOCK + 4, &block[1], 4), 0);
        else
            assert_int_equal(blk_bytes_write(blk, 5 * BLOCK, block, BLOCK), 0);
        written = round;
        if (round % 2 == 0) {
            assert_int_equal(blk_bytes_read(blk, 5 * BLOCK + 4, &found, 4), 0);
            assert_int_equal(found, round);
        } else { /* meanwhile a reader loads what the next write replaces */
            assert_int_equal(blk_bytes_read_direct(blk, 0, other, BLOCK), 0);
        }
    }
    over = true;
}

static void read_rounds(void *argument)
{
    uint32_t seen = 0;

    if (argument == NULL)
        write_rounds();
    while (!over) {
        uint32_t least = written > seen ? written : seen;

        if (rand() % 2 == 0) {
            uint8_t *block = malloc(BLOCK);
            assert_int_equal(blk_bytes_read_direct(blk, 5 * BLOCK, block, BLOCK), 0);
            memcpy(&seen, block + 4, sizeof(seen));
            free(block);
        } else {
            assert_int_equal(blk_bytes_read(blk, 5 * BLOCK + 4, &seen, sizeof(seen)), 0);
        }
        assert_true(seen >= least);
    }
}

/* A reader sees what was written before it began, and never goes back, with and without the cache. */
static void nothing_old_is_read(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 40; seed++) {
        srand(seed);
        over = false;
        run_threads(read_rounds, 4);
    }
}

static void read_own_window(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint8_t byte = 0;

    assert_int_equal(blk_bytes_read(blk, self * WINDOW + 1, &byte, 1), 0);
    assert_int_equal(byte, 100 + self);
}

static void windows_are_loaded_side_by_side(void **state)
{
    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        disk[i * WINDOW + 1] = (uint8_t)(100 + i);
    most_at_once = 0;
    fake.on_wait = note_and_work;
    run_threads(read_own_window, THREADS); /* which are more than there are windows */
    assert_int_equal(most_at_once, RING);
}

static void fail_to_read(void *argument)
{
    uint8_t byte;

    (void)argument;
    assert_int_equal(blk_bytes_read(blk, BAD_SECTOR * PV_SECTOR_BYTES, &byte, 1), -EIO);
}

static void what_cannot_be_read_is_not_kept(void **state)
{
    uint8_t block[BLOCK];

    (void)state;
    run_threads(fail_to_read, 3);
    run_threads(fail_to_read, 1);
    assert_int_equal(blk_bytes_write(blk, BAD_SECTOR * PV_SECTOR_BYTES, block, BLOCK), -EIO);
    assert_int_equal(blk_bytes_write(blk, 0, block, BLOCK), 0);
}

static void bounds_are_kept(void **state)
{
    uint8_t block[BLOCK] = {0};
    uint64_t end = (uint64_t)SECTORS * PV_SECTOR_BYTES;

    (void)state;
    assert_int_equal(blk_bytes_read(blk, end, block, 1), -EINVAL);
    assert_int_equal(blk_bytes_read(blk, UINT64_MAX, block, 2), -EINVAL);
    assert_int_equal(blk_bytes_read(blk, end - 1, block, 1), 0);
    assert_int_equal(blk_bytes_write(blk, end - 1, block, 2), -ENOSPC);
    assert_int_equal(blk_bytes_write(blk, end - 1, block, 1), 0);
    assert_int_equal(blk_bytes_write(blk, end, block, 0), 0);
    assert_int_equal(blk_bytes_read_direct(blk, 1, block, BLOCK), -EINVAL);
    assert_int_equal(blk_bytes_read_direct(blk, 0, block, 1), -EINVAL);
}

#define test(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(writes_go_side_by_side),
        test(overlapping_writes_end_whole),
        test(parts_of_a_block_are_not_lost),
        test(nothing_old_is_read),
        test(windows_are_loaded_side_by_side),
        test(what_cannot_be_read_is_not_kept),
        test(bounds_are_kept),
    };

    return cmocka_run_group_tests_name("fs_blk_bytes", tests, start, NULL);
}
