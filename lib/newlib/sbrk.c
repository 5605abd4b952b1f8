/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap below newlib's malloc: page runs that grow upwards, in place where the next page is
 * free, otherwise continued at a higher address (malloc accepts gaps, not a step back). Pages at
 * the end go back when malloc trims. Any thread.
 */
#include <errno.h>
#include <unistd.h>

#include "kernel/page.h"
#include "kernel/sync.h"

static struct {
    struct mutex lock;
    char *begin; /* of the newest run */
    char *end;   /* the break */
    char *limit; /* end of the run's pages */
} heap;

static size_t pages_for(size_t bytes)
{
    return bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0);
}

/* Makes room for `bytes` more at heap.end, which may move to a new run. */
static int heap_grow(size_t bytes)
{
    size_t room = (size_t)(heap.limit - heap.end);
    if (bytes <= room)
        return 0;
    size_t pages = pages_for(bytes - room);
    if (heap.limit && page_extend(heap.limit, pages) == 0) {
        heap.limit += pages * PAGE_BYTES;
        return 0;
    }
    pages = pages_for(bytes);
    char *run = page_alloc_low(pages);
    if (!run)
        return -ENOMEM;
    if (run < heap.end) {
        page_free(run, pages);
        return -ENOMEM;
    }
    heap.begin = heap.end = run;
    heap.limit = run + pages * PAGE_BYTES;
    return 0;
}

static int heap_shrink(size_t bytes)
{
    if (bytes > (size_t)(heap.end - heap.begin))
        return -EINVAL;
    heap.end -= bytes;
    size_t spare = (size_t)(heap.limit - heap.end) / PAGE_BYTES;
    if (spare > 0) {
        heap.limit -= spare * PAGE_BYTES;
        page_free(heap.limit, spare);
    }
    return 0;
}

void *sbrk(ptrdiff_t increment)
{
    mutex_lock(&heap.lock);
    int result = increment < 0 ? heap_shrink(-(size_t)increment) : heap_grow((size_t)increment);
    char *before = heap.end;
    if (result == 0 && increment > 0)
        heap.end += increment;
    else if (result == 0)
        before -= increment;
    mutex_unlock(&heap.lock);
    if (result < 0) {
        errno = -result;
        return (void *)-1;
    }
    return before;
}
