/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a block device. The cache is a handful of windows of 16 KiB, replaced in order of last
 * use. Its lock is held for moments only: never while the disk works. So reads and writes go side by
 * side, with two exceptions:
 * 1. Writes that touch one block go one by one, in the order in which they came. Each is whole then,
 *    and of two that replace parts of a block neither undoes the other's.
 * 2. From the moment when a write joins the others until it is done, no window keeps what it
 *    touches: those that did are forgotten, also while they are being loaded, and one that is loaded
 *    meanwhile serves the reader that loads it and nobody else. So what a window keeps is what the
 *    disk has, and a read that begins after a write has returned sees it.
 */
#include "blk_bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/device.h"
#include "kernel/sync.h"
#include "kernel/thread.h"

#define WINDOW_BYTES (16u * 1024u)
#define WINDOW_COUNT 8u

struct window {
    struct blk *blk; /* NULL: keeps nothing */
    uint64_t offset; /* a multiple of WINDOW_BYTES */
    size_t bytes;    /* less than WINDOW_BYTES at the device's end */
    uint64_t used;
    uint8_t *data;
    bool loading; /* belongs to the thread that loads it */
};

/* A write under way, or one that waits for its turn. On its thread's stack. */
struct writing {
    struct writing *next;
    struct blk *blk;
    uint64_t first, last; /* bytes of whole blocks */
};

static struct {
    struct mutex lock;
    struct cond changed; /* a window is loaded, or a write that others wait for has ended */
    uint64_t clock;
    struct window windows[WINDOW_COUNT];
    struct writing *writes; /* in order of arrival */
    unsigned writes_waiting;
} cache;

static bool touches(const struct writing *writing, const struct blk *blk, uint64_t first,
                    uint64_t last)
{
    return writing->blk == blk && first <= writing->last && writing->first <= last;
}

/* The first write that touches the bytes, or NULL. Called with the lock held. */
static const struct writing *write_of(const struct blk *blk, uint64_t first, uint64_t last)
{
    const struct writing *writing = cache.writes;

    while (writing != NULL && !touches(writing, blk, first, last))
        writing = writing->next;
    return writing;
}

/* The window that keeps or loads what begins there, else the one that was not used for longest; NULL
 * when all are being loaded. Called with the lock held. */
static struct window *window_choose(const struct blk *blk, uint64_t begin)
{
    struct window *oldest = NULL;

    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        struct window *window = &cache.windows[i];
        if (window->blk == blk && window->offset == begin)
            return window;
        if (!window->loading && (oldest == NULL || window->used < oldest->used))
            oldest = window;
    }
    return oldest;
}

/* Called with the lock held, which is given up while the disk works. */
static int window_load(struct window *window, struct blk *blk, uint64_t begin)
{
    struct blk_info info;

    if (window->data == NULL && (window->data = malloc(WINDOW_BYTES)) == NULL)
        return -ENOMEM;
    blk_info(blk, &info);
    if (info.block_bytes > WINDOW_BYTES)
        return -EINVAL;
    uint64_t left = info.sector_count * PV_SECTOR_BYTES - begin;
    window->blk = write_of(blk, begin, begin + WINDOW_BYTES - 1) == NULL ? blk : NULL;
    window->offset = begin;
    window->bytes = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
    window->loading = true;
    mutex_unlock(&cache.lock);
    int result = blk_read(blk, begin / PV_SECTOR_BYTES, window->data,
                          window->bytes / PV_SECTOR_BYTES);
    mutex_lock(&cache.lock);
    window->loading = false;
    if (result != 0)
        window->blk = NULL;
    cond_broadcast(&cache.changed);
    return result;
}

/* The window that holds `offset`, loaded when it is not there; what it holds may be used until the
 * lock is given up. Called with the lock held. */
static int window_get(struct blk *blk, uint64_t offset, struct window **out)
{
    uint64_t begin = offset / WINDOW_BYTES * WINDOW_BYTES;
    struct window *window;
    int result = 0;

    while ((window = window_choose(blk, begin)) == NULL || window->loading)
        cond_wait_until(&cache.changed, &cache.lock, NO_DEADLINE);
    if (window->blk != blk || window->offset != begin)
        result = window_load(window, blk, begin);
    if (window->blk != NULL)
        window->used = ++cache.clock;
    *out = window;
    return result;
}

/* Do all the bytes lie on the device? *block_bytes is what its transfers are multiples of. */
static bool on_device(struct blk *blk, uint64_t offset, size_t bytes, size_t *block_bytes)
{
    struct blk_info info;
    uint64_t end;

    blk_info(blk, &info);
    *block_bytes = info.block_bytes;
    if (__builtin_add_overflow(offset, bytes, &end))
        return false;
    if (end > info.sector_count * PV_SECTOR_BYTES)
        blk_info_now(blk, &info); /* it may have grown */
    return end <= info.sector_count * PV_SECTOR_BYTES;
}

int blk_bytes_read(struct blk *blk, uint64_t offset, void *data, size_t bytes)
{
    uint8_t *out = data;
    size_t block_bytes;

    if (!on_device(blk, offset, bytes, &block_bytes))
        return -EINVAL;
    while (bytes > 0) {
        size_t step;
        if (offset % block_bytes == 0 && bytes >= WINDOW_BYTES && bytes >= block_bytes) {
            step = bytes / block_bytes * block_bytes;
            int result = blk_read(blk, offset / PV_SECTOR_BYTES, out, step / PV_SECTOR_BYTES);
            if (result != 0)
                return result;
        } else {
            struct window *window;
            mutex_lock(&cache.lock);
            int result = window_get(blk, offset, &window);
            if (result == 0 && offset - window->offset >= window->bytes)
                result = -EIO; /* the device shrank */
            if (result != 0) {
                mutex_unlock(&cache.lock);
                return result;
            }
            size_t at = (size_t)(offset - window->offset);
            step = window->bytes - at < bytes ? window->bytes - at : bytes;
            memcpy(out, window->data + at, step);
            mutex_unlock(&cache.lock);
        }
        out += step;
        offset += step;
        bytes -= step;
    }
    return 0;
}

int blk_bytes_read_direct(struct blk *blk, uint64_t offset, void *data, size_t bytes)
{
    size_t block_bytes;

    if (!on_device(blk, offset, bytes, &block_bytes) || offset % block_bytes != 0 ||
        bytes % block_bytes != 0)
        return -EINVAL;
    return blk_read(blk, offset / PV_SECTOR_BYTES, data, bytes / PV_SECTOR_BYTES);
}

/* Part of one block: read, change, write. */
static int partial_write(struct blk *blk, uint64_t offset, size_t block_bytes, const void *data,
                         size_t bytes)
{
    size_t at = (size_t)(offset % block_bytes);
    uint64_t sector = (offset - at) / PV_SECTOR_BYTES;
    uint8_t *buffer = malloc(block_bytes);

    if (buffer == NULL)
        return -ENOMEM;
    int result = blk_read(blk, sector, buffer, block_bytes / PV_SECTOR_BYTES);
    if (result == 0) {
        memcpy(buffer + at, data, bytes);
        result = blk_write(blk, sector, buffer, block_bytes / PV_SECTOR_BYTES);
    }
    free(buffer);
    return result;
}

/* Forgets what the windows keep of the write's bytes, and waits for its turn. */
static void write_begin(struct writing *self)
{
    struct writing **last = &cache.writes;

    mutex_lock(&cache.lock);
    while (*last != NULL)
        last = &(*last)->next;
    *last = self;
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        struct window *window = &cache.windows[i];
        if (touches(self, window->blk, window->offset, window->offset + WINDOW_BYTES - 1)) {
            window->blk = NULL;
            window->used = 0;
        }
    }
    cache.writes_waiting++;
    while (write_of(self->blk, self->first, self->last) != self)
        cond_wait_until(&cache.changed, &cache.lock, NO_DEADLINE);
    cache.writes_waiting--;
    mutex_unlock(&cache.lock);
}

static void write_end(struct writing *self)
{
    struct writing **at = &cache.writes;

    mutex_lock(&cache.lock);
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    if (cache.writes_waiting > 0)
        cond_broadcast(&cache.changed);
    mutex_unlock(&cache.lock);
}

int blk_bytes_write(struct blk *blk, uint64_t offset, const void *data, size_t bytes)
{
    struct writing writing = {.blk = blk};
    const uint8_t *in = data;
    size_t block_bytes;
    int result = 0;

    if (!on_device(blk, offset, bytes, &block_bytes))
        return -ENOSPC;
    if (bytes == 0)
        return 0;
    writing.first = offset / block_bytes * block_bytes;
    writing.last = (offset + bytes - 1) / block_bytes * block_bytes + (block_bytes - 1);
    write_begin(&writing);
    while (bytes > 0 && result == 0) {
        size_t at = (size_t)(offset % block_bytes);
        size_t step = bytes;
        if (at != 0 || bytes < block_bytes) {
            step = block_bytes - at < bytes ? block_bytes - at : bytes;
            result = partial_write(blk, offset, block_bytes, in, step);
        } else {
            step = bytes / block_bytes * block_bytes;
            result = blk_write(blk, offset / PV_SECTOR_BYTES, in, step / PV_SECTOR_BYTES);
        }
        in += step;
        offset += step;
        bytes -= step;
    }
    write_end(&writing);
    return result;
}
