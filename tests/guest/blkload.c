/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --blk @disk:1048576@,ro -- 4 200 */
/* expect-stdout: ^200 reads of 4096 bytes, 4 at once: [0-9]+ a second$ */
/* Reads blocks of 4 KiB all over /dev/blk0, past the cache: blkload THREADS READS. A load to measure
 * disks with; docs/performance-qemu.md counts the instructions from load_begin to load_end. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define THREADS_MAX 64

void load_begin(void);
void load_end(void);

static int disk, failures;
static unsigned blocks, reads_each;
static pthread_barrier_t start;

__attribute__((noinline)) void load_begin(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) void load_end(void)
{
    __asm__ volatile("");
}

static void *load(void *argument)
{
    uint32_t at = (uint32_t)(uintptr_t)argument * 2654435761u;
    char *block = NULL;

    if (posix_memalign((void **)&block, BLOCK, BLOCK) != 0)
        exit(1);
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < reads_each; i++) {
        at = at * 1664525u + 1013904223u;
        if (pread(disk, block, BLOCK, (off_t)(at >> 8) % blocks * BLOCK) != BLOCK)
            failures++;
    }
    free(block);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    unsigned reads = argc > 2 ? (unsigned)atoi(argv[2]) : 100;
    pthread_t ids[THREADS_MAX];
    struct timespec begin, end;

    disk = open("/dev/blk0", O_RDONLY | O_DIRECT);
    if (disk < 0 || threads < 1 || threads > THREADS_MAX || reads < threads) {
        perror("blkload");
        return 1;
    }
    blocks = (unsigned)(lseek(disk, 0, SEEK_END) / BLOCK);
    reads_each = reads / threads;
    pthread_barrier_init(&start, NULL, threads + 1);
    for (uintptr_t i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, load, (void *)i) != 0)
            return 1;
    pthread_barrier_wait(&start);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    load_begin();
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    load_end();
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) +
                     (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    printf("%u reads of %d bytes, %u at once: %.0f a second\n", reads_each * threads, BLOCK,
           threads, reads_each * threads / seconds);
    return failures != 0;
}
