/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads or writes blocks of a disk from as many threads as requests are to be on their way, for some
 * seconds: what fio does with its engine psync, for systems without fio.
 *
 *     blockio PATH read|write random|sequential BLOCK_BYTES DEPTH SECONDS
 *
 * Past the guest's own cache, where the system knows O_DIRECT and the disk is its own. Prints
 * operations a second. Used by bench/block.py.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 64u
#define BLOCK_MAX (1u << 20)

static struct {
    int disk;
    int writes, random;
    size_t block_bytes;
    uint64_t block_count;
    double end;
} job;

struct worker {
    pthread_t thread;
    unsigned index, count;
    uint64_t operations;
};

static double now_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Marsaglia's xorshift64: repeatable, different for each worker. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    uint64_t state = 0x9e3779b97f4a7c15ull * (worker->index + 1);
    uint64_t at = job.block_count / worker->count * worker->index;
    char *buffer = aligned_alloc(4096, job.block_bytes);

    if (!buffer)
        abort();
    memset(buffer, (int)worker->index, job.block_bytes);
    while (now_seconds() < job.end) {
        off_t offset = (off_t)((job.random ? next_random(&state) % job.block_count : at) *
                               job.block_bytes);
        ssize_t done = job.writes ? pwrite(job.disk, buffer, job.block_bytes, offset)
                                  : pread(job.disk, buffer, job.block_bytes, offset);
        if (done != (ssize_t)job.block_bytes) {
            perror("blockio");
            exit(1);
        }
        at = at + 1 < job.block_count ? at + 1 : 0;
        worker->operations++;
    }
    free(buffer);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[DEPTH_MAX];
    uint64_t operations = 0;

    if (argc != 7) {
        fputs("usage: blockio PATH read|write random|sequential BLOCK_BYTES DEPTH SECONDS\n",
              stderr);
        return 2;
    }
    job.writes = !strcmp(argv[2], "write");
    job.random = !strcmp(argv[3], "random");
    job.block_bytes = strtoul(argv[4], NULL, 10);
    unsigned depth = (unsigned)strtoul(argv[5], NULL, 10);
    job.disk = open(argv[1], (job.writes ? O_RDWR : O_RDONLY) | O_DIRECT);
    off_t bytes = job.disk < 0 ? -1 : lseek(job.disk, 0, SEEK_END);
    if (bytes < 0) {
        perror(argv[1]);
        return 1;
    }
    if (job.block_bytes == 0 || job.block_bytes > BLOCK_MAX || depth == 0 || depth > DEPTH_MAX ||
        (size_t)bytes < job.block_bytes) {
        fputs("blockio: wrong size or depth\n", stderr);
        return 2;
    }
    job.block_count = (uint64_t)bytes / job.block_bytes;
    double begin = now_seconds();
    job.end = begin + strtod(argv[6], NULL);
    for (unsigned i = 0; i < depth; i++) {
        workers[i].index = i;
        workers[i].count = depth;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < depth; i++) {
        pthread_join(workers[i].thread, NULL);
        operations += workers[i].operations;
    }
    printf("%.1f\n", (double)operations / (now_seconds() - begin));
    return 0;
}
