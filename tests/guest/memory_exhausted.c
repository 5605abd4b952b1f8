/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 4M */
/* Takes all memory there is: malloc says no, nothing else happens, and what is given back can be
 * taken again. Threads cannot be had either while there is none. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384

struct block {
    struct block *next;
    char room[BLOCK - sizeof(struct block *)];
};

static struct block *take_all(unsigned *count)
{
    struct block *first = NULL, *block;

    *count = 0;
    while ((block = malloc(sizeof(*block))) != NULL) {
        memset(block->room, (int)*count, sizeof(block->room));
        block->next = first;
        first = block;
        ++*count;
    }
    return first;
}

static void free_all(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

static void *nothing(void *argument)
{
    return argument;
}

int main(void)
{
    unsigned first_count, count;
    pthread_t thread;

    for (unsigned round = 0; round < 3; round++) {
        struct block *blocks;

        errno = 0;
        blocks = take_all(&count);
        if (errno != ENOMEM || count < 100)
            return 1;
        if (pthread_create(&thread, NULL, nothing, NULL) != EAGAIN)
            return 2;
        free_all(blocks);
        if (round == 0)
            first_count = count;
        else if (count + 1 < first_count || count > first_count + 1) /* malloc's own edges vary */
            return 3;
    }
    if (malloc((size_t)1 << 40) != NULL || malloc(SIZE_MAX / 2) != NULL)
        return 4;
    printf("%u blocks\n", count);
    puts("ok");
    return 0;
}
