/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:1048576@ */
/* expect-stdout: ^ok$ */
/*
 * Threads that read and write the same blocks of /dev/blk0 at the same time, whole ones and parts:
 * nothing that was written may be lost, and no read may show less than what was there before it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

#define BLOCK 4096
#define THREADS 6u
#define ROUNDS 60u
#define PART 100u
#define PARTS_AT 65486    /* on both sides of a block's border, and of a cache window's */
#define WHOLE_AT 262144   /* a block for whole and for partial writes */
#define COUNTER_AT 524296 /* amid a sector */
#define LONG_AT 786432    /* longer writes, which overlap */
#define LONG_BYTES (5 * BLOCK)

static int cached, direct;
static pthread_barrier_t step;
static uint32_t counted;
static int over;

static void run(void *(*work)(void *))
{
    pthread_t threads[THREADS];

    CHECK(pthread_barrier_init(&step, NULL, THREADS) == 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(pthread_barrier_destroy(&step) == 0);
}

static void put(int disk, const void *data, size_t bytes, off_t at)
{
    CHECK(pwrite(disk, data, bytes, at) == (ssize_t)bytes);
}

static void get(int disk, void *data, size_t bytes, off_t at)
{
    CHECK(pread(disk, data, bytes, at) == (ssize_t)bytes);
}

static void *block_new(void)
{
    void *block;

    CHECK(posix_memalign(&block, BLOCK, LONG_BYTES) == 0);
    return block;
}

/* Each thread writes its own part of what all of them write, and finds it there. */
static void *parts(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    uint8_t mine[PART], found[PART];

    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(mine, (int)(round * THREADS + self), sizeof mine);
        put(cached, mine, sizeof mine, PARTS_AT + (off_t)self * PART);
        get(cached, found, sizeof found, PARTS_AT + (off_t)self * PART);
        CHECK(memcmp(mine, found, sizeof mine) == 0);
    }
    return NULL;
}

/* One writes a block, the others parts of it at the same time: what none of them wrote is new. */
static void *whole_and_parts(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    uint8_t *block = block_new();

    for (unsigned round = 1; round <= ROUNDS; round++) {
        memset(block, (int)round, BLOCK);
        pthread_barrier_wait(&step);
        if (self == round % THREADS)
            put(round % 2 ? direct : cached, block, BLOCK, WHOLE_AT);
        else
            put(cached, block, PART, WHOLE_AT + (off_t)self * PART);
        pthread_barrier_wait(&step);
        get(round % 2 ? cached : direct, block, BLOCK, WHOLE_AT);
        for (unsigned i = 0; i < BLOCK; i++)
            CHECK(block[i] == (uint8_t)round);
    }
    free(block);
    return NULL;
}

/* One writes a counter, by turns with its block and alone; the others read it. */
static void *counter(void *argument)
{
    uint32_t *block = block_new(), *other = block_new(), found;

    memset(block, 0, BLOCK);
    if (argument == NULL) {
        for (uint32_t round = 1; round <= 5 * ROUNDS; round++) {
            block[COUNTER_AT % BLOCK / 4] = round;
            if (round % 3 == 0)
                put(cached, &round, sizeof round, COUNTER_AT);
            else
                put(direct, block, BLOCK, COUNTER_AT / BLOCK * BLOCK);
            if (round % 2 == 0) {
                get(cached, &found, sizeof found, COUNTER_AT);
                CHECK(found == round);
            } else { /* meanwhile a reader loads what the next write replaces */
                get(direct, other, BLOCK, WHOLE_AT);
            }
            __atomic_store_n(&counted, round, __ATOMIC_SEQ_CST);
        }
        __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    }
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        uint32_t least = __atomic_load_n(&counted, __ATOMIC_SEQ_CST);

        get(cached, &found, sizeof found, COUNTER_AT);
        CHECK(found >= least);
    }
    free(other);
    free(block);
    return NULL;
}

/* Writes that overlap: one of them is the last, with all that it wrote. */
static void *overlapping(void *argument)
{
    uintptr_t self = (uintptr_t)argument;
    uint8_t *block = block_new();

    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(block, (int)self, LONG_BYTES);
        pthread_barrier_wait(&step);
        put(direct, block, LONG_BYTES, LONG_AT + (off_t)(self % 3) * BLOCK);
        pthread_barrier_wait(&step);
        get(direct, block, 3 * BLOCK, LONG_AT + 2 * BLOCK);
        for (unsigned i = 1; i < 3 * BLOCK; i++)
            CHECK(block[i] == block[0]);
        pthread_barrier_wait(&step);
    }
    free(block);
    return NULL;
}

int main(void)
{
    static const uint8_t zero[BLOCK];

    cached = open("/dev/blk0", O_RDWR);
    direct = open("/dev/blk0", O_RDWR | O_DIRECT);
    CHECK(cached >= 0 && direct >= 0);
    put(cached, zero, sizeof zero, COUNTER_AT / BLOCK * BLOCK);
    run(parts);
    run(whole_and_parts);
    run(counter);
    run(overlapping);
    CHECK(fsync(direct) == 0);
    puts("ok");
    return 0;
}
