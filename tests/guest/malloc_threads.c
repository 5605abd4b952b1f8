/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc, realloc and free from several threads that are preempted: no block is handed out twice.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

#define THREADS 6
#define PREEMPTIONS 100 /* a time slice each: about a second, however fast the machine is */
#define SLOTS 32

static volatile int stop;

/* Every 32nd byte is looked at, so that most of the time is malloc's. */
static void fill(unsigned char *block, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i += 32)
        block[i] = (unsigned char)(seed + i);
}

static int intact(const unsigned char *block, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i += 32)
        if (block[i] != (unsigned char)(seed + i))
            return 0;
    return 1;
}

static void *work(void *argument)
{
    unsigned random = (unsigned)(uintptr_t)argument * 7919 + 1;
    unsigned char *blocks[SLOTS] = {0};
    size_t sizes[SLOTS] = {0};
    while (!stop) {
        random = random * 1103515245 + 12345;
        unsigned slot = random >> 16 & (SLOTS - 1);
        size_t bytes = (random >> 8 & 0x3f) ? (random >> 4 & 0xff) + 1 : (random >> 4 & 0x1fff) + 1;
        if (blocks[slot]) {
            CHECK(intact(blocks[slot], sizes[slot], slot + (unsigned)(uintptr_t)argument));
            if (random & 1) {
                free(blocks[slot]);
                blocks[slot] = NULL;
                continue;
            }
        }
        blocks[slot] = realloc(blocks[slot], bytes);
        CHECK(blocks[slot]);
        sizes[slot] = bytes;
        fill(blocks[slot], bytes, slot + (unsigned)(uintptr_t)argument);
    }
    for (int i = 0; i < SLOTS; i++)
        free(blocks[i]);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(i * 31)) == 0);
    while (metric("coracle_preemptions_total") < PREEMPTIONS)
        usleep(20000);
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    void *aligned;
    CHECK(posix_memalign(&aligned, 256, 1000) == 0 && (uintptr_t)aligned % 256 == 0);
    free(aligned);
    CHECK(posix_memalign(&aligned, 3, 10) == EINVAL);
    aligned = aligned_alloc(64, 128);
    CHECK(aligned && (uintptr_t)aligned % 64 == 0);
    free(aligned);
    puts("ok");
    return 0;
}
