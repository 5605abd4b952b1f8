/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that lwIP takes: the C library's heap, counted, and bounded to a part of the guest's
 * RAM so that no flood of packets and no slow reader starves the program. A few small blocks are
 * kept for the next packet, because the heap takes longer to find one. Called by lwIP with the
 * stack's lock held.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/page.h"
#include "lwip/opt.h"
#include "stack.h"

#define FLOOR_BYTES (256u * 1024) /* enough for a few connections, however small the guest */

/* Blocks that are kept, by how many steps they have beyond the first bytes: as malloc rounds. */
#define KEPT_FIRST_BYTES 8u
#define KEPT_STEP_BYTES 16u
#define KEPT_STEPS 128u
#define KEPT_BYTES_MAX (16u * 1024)

struct kept {
    struct kept *next;
};

static size_t in_use_bytes, limit_bytes, kept_bytes;
static struct kept *kept[KEPT_STEPS];

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

size_t memory_room(void)
{
    return memory_is_short() ? 0 : limit_bytes / 2 - in_use_bytes;
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

/* Counts it as in use. */
static struct kept *kept_take(size_t bytes)
{
    size_t steps = (bytes + KEPT_STEP_BYTES - 1 - KEPT_FIRST_BYTES) / KEPT_STEP_BYTES;
    struct kept *block = steps < KEPT_STEPS ? kept[steps] : NULL;

    if (block) {
        size_t taken = KEPT_FIRST_BYTES + steps * KEPT_STEP_BYTES;
        kept[steps] = block->next;
        kept_bytes -= taken;
        in_use_bytes += taken;
    }
    return block;
}

static bool keep(struct kept *block, size_t bytes)
{
    size_t steps = (bytes - KEPT_FIRST_BYTES) / KEPT_STEP_BYTES;

    /* What malloc gives has such a size; what has not (elsewhere) is not kept. */
    if (steps >= KEPT_STEPS || KEPT_FIRST_BYTES + steps * KEPT_STEP_BYTES != bytes ||
        kept_bytes + bytes > KEPT_BYTES_MAX)
        return false;
    block->next = kept[steps];
    kept[steps] = block;
    kept_bytes += bytes;
    return true;
}

static void kept_give_back(void)
{
    for (size_t steps = 0; steps < KEPT_STEPS; steps++)
        while (kept[steps]) {
            struct kept *block = kept[steps];
            kept[steps] = block->next;
            free(block);
        }
    kept_bytes = 0;
}

void *net_memory_malloc(size_t bytes)
{
    if (in_use_bytes + bytes > limit_bytes)
        return NULL;
    void *memory = kept_take(bytes);
    if (memory)
        return memory;
    memory = malloc(bytes);
    if (!memory && kept_bytes) {
        kept_give_back();
        memory = malloc(bytes);
    }
    if (!memory)
        return NULL;
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
    size_t bytes = malloc_usable_size(memory);

    in_use_bytes -= bytes;
    if (!keep(memory, bytes))
        free(memory);
}
