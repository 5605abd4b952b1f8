/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 2M */
/* Out of memory: malloc, mmap and pthread_create say so, and everything works again afterwards. */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

#define BLOCK 8000

struct block {
    struct block *next;
    char rest[BLOCK];
};

static void *nothing(void *argument)
{
    return argument;
}

static unsigned fill_and_free(void)
{
    struct block *first = NULL;
    unsigned count = 0;
    for (;;) {
        errno = 0;
        struct block *block = malloc(sizeof *block);
        if (!block)
            break;
        memset(block->rest, 0x5a, BLOCK);
        block->next = first;
        first = block;
        count++;
    }
    CHECK(errno == ENOMEM);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == EAGAIN);
    CHECK(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
              MAP_FAILED &&
          errno == ENOMEM);
    while (first) {
        struct block *next = first->next;
        CHECK(first->rest[BLOCK - 1] == 0x5a);
        free(first);
        first = next;
    }
    return count;
}

int main(void)
{
    volatile size_t huge = SIZE_MAX - 100;
    CHECK(!malloc((size_t)1 << 40) && errno == ENOMEM);
    CHECK(!malloc(huge) && errno == ENOMEM);
    CHECK(!calloc(huge / 2, 3) && errno == ENOMEM);
    CHECK(sbrk((ptrdiff_t)1 << 40) == (void *)-1 && errno == ENOMEM);
    unsigned first = fill_and_free();
    CHECK(first > 100);
    for (int i = 0; i < 3; i++)
        CHECK(fill_and_free() + 2 >= first);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    puts("ok");
    return 0;
}
