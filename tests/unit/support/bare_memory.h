/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory for tests of the ring-0 platform's parsers: a buffer at an address of its own. Each
 * read is answered with a copy of exactly the bytes that were asked for, so that the sanitizer sees
 * any access beyond them.
 */
#ifndef BARE_MEMORY_H
#define BARE_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_BASE 0x1000ull
#define COPIES_MAX 65536u

static struct {
    uint8_t *bytes;
    size_t size;
    void *copies[COPIES_MAX];
    unsigned copy_count;
} memory;

static inline const void *memory_read(uint64_t address, uint64_t bytes)
{
    void *copy;

    if (address < MEMORY_BASE || address - MEMORY_BASE > memory.size ||
        bytes > memory.size - (address - MEMORY_BASE) || memory.copy_count == COPIES_MAX)
        return NULL;
    copy = malloc(bytes);
    memcpy(copy, memory.bytes + (address - MEMORY_BASE), bytes);
    memory.copies[memory.copy_count++] = copy;
    return copy;
}

static inline void memory_forget(void)
{
    for (unsigned i = 0; i < memory.copy_count; i++)
        free(memory.copies[i]);
    memory.copy_count = 0;
}

#endif
