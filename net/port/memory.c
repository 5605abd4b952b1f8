/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that lwIP takes: the C library's heap, counted, and bounded to a part of the guest's
 * RAM so that no flood of packets and no slow reader starves the program. Called by lwIP with the
 * stack's lock held.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/page.h"
#include "lwip/opt.h"
#include "stack.h"

#define FLOOR_BYTES (256u * 1024) /* enough for a few connections, however small the guest */

static size_t in_use_bytes, limit_bytes;

void memory_start(void)
{
    limit_bytes = page_total() / 3 * PAGE_BYTES;
    if (limit_bytes < FLOOR_BYTES)
        limit_bytes = FLOOR_BYTES;
}

bool memory_is_short(void)
{
    return in_use_bytes > limit_bytes / 2;
}

bool memory_is_out(void)
{
    return in_use_bytes > limit_bytes / 4 * 3;
}

size_t memory_in_use(void)
{
    return in_use_bytes;
}

size_t memory_receive_limit(void)
{
    return limit_bytes / 2;
}

void *net_memory_malloc(size_t bytes)
{
    if (in_use_bytes + bytes > limit_bytes)
        return NULL;
    void *memory = malloc(bytes);
    if (memory)
        in_use_bytes += malloc_usable_size(memory);
    return memory;
}

void *net_memory_calloc(size_t count, size_t bytes)
{
    void *memory = net_memory_malloc(count * bytes);
    if (memory)
        memset(memory, 0, count * bytes);
    return memory;
}

void net_memory_free(void *memory)
{
    in_use_bytes -= malloc_usable_size(memory);
    free(memory);
}
