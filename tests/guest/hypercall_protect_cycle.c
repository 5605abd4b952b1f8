/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/*
 * Rights of memory in use change back and forth, in parts of a large page, over its border, and as
 * a whole: what is there stays, and what is allowed again works at once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "hypercall.h"

#define PAGE 4096u
#define LARGE 0x200000u
#define PAGES 1536u /* three large pages */
#define ROUNDS 20

enum { NONE, READ, READ_WRITE };

static volatile uint32_t *word(char *memory, unsigned page)
{
    return (volatile uint32_t *)(void *)(memory + page * PAGE);
}

static void protect(char *memory, unsigned page, unsigned count, int rights)
{
    native_wild(HYPERCALL_PROTECT, (uintptr_t)memory + page * PAGE, count * PAGE, (uint64_t)rights);
}

static int check(char *memory, uint32_t add)
{
    for (unsigned page = 0; page < PAGES; page++)
        if (*word(memory, page) != page + add) {
            printf("page %u holds %u instead of %u\n", page, (unsigned)*word(memory, page),
                   page + add);
            return 1;
        }
    return 0;
}

int main(void)
{
    /* Single pages, a run within, one over a border, all: [first, count]. */
    static const unsigned runs[][2] = {{5, 1},   {100, 50}, {500, 30},
                                       {0, 512}, {1, 1534}, {0, PAGES}};
    char *memory;

    if (posix_memalign((void **)&memory, LARGE, PAGES * PAGE))
        return 1;
    for (unsigned page = 0; page < PAGES; page++)
        *word(memory, page) = page;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const unsigned *run = runs[round % (sizeof runs / sizeof runs[0])];
        protect(memory, run[0], run[1], READ);
        if (check(memory, round)) /* also: readable while it is read-only */
            return 1;
        protect(memory, run[0], run[1], round % 2 ? NONE : READ);
        protect(memory, run[0], run[1], READ_WRITE);
        for (unsigned page = 0; page < PAGES; page++)
            *word(memory, page) += 1;
        if (check(memory, round + 1))
            return 1;
    }
    puts("ok");
    return 0;
}
