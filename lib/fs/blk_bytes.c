/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a block device. The cache is a handful of windows of 16 KiB, replaced in order of last
 * use; one lock guards it, and is not held while a large transfer runs. A window under replacement
 * is loaded with the lock held: two readers of the same header would both wait for it anyway.
 */
#include "blk_bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/device.h"
#include "kernel/sync.h"

#define WINDOW_BYTES (16u * 1024u)
#define WINDOW_COUNT 8u

struct window {
    struct blk *blk; /* NULL: unused */
    uint64_t offset; /* a multiple of WINDOW_BYTES */
    size_t bytes;    /* less than WINDOW_BYTES at the device's end */
    uint64_t used;
    uint8_t *data;
};

static struct {
    struct mutex lock;
    uint64_t clock;
    struct window windows[WINDOW_COUNT];
} cache;

/* The window that holds `offset`, loaded when it is not there. Called with the lock held. */
static int window_get(struct blk *blk, uint64_t offset, struct window **out)
{
    uint64_t begin = offset / WINDOW_BYTES * WINDOW_BYTES;
    struct window *oldest = &cache.windows[0];
    struct blk_info info;

    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        struct window *window = &cache.windows[i];
        if (window->blk == blk && window->offset == begin) {
            window->used = ++cache.clock;
            *out = window;
            return 0;
        }
        if (window->used < oldest->used)
            oldest = window;
    }
    if (oldest->data == NULL && (oldest->data = malloc(WINDOW_BYTES)) == NULL)
        return -ENOMEM;
    blk_info(blk, &info);
    if (info.block_bytes > WINDOW_BYTES)
        return -EINVAL;
    uint64_t left = info.sector_count * PV_SECTOR_BYTES - begin;
    oldest->blk = NULL;
    oldest->bytes = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
    int result = blk_read(blk, begin / PV_SECTOR_BYTES, oldest->data,
                          oldest->bytes / PV_SECTOR_BYTES);
    if (result != 0)
        return result;
    oldest->blk = blk;
    oldest->offset = begin;
    oldest->used = ++cache.clock;
    *out = oldest;
    return 0;
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

int blk_bytes_write(struct blk *blk, uint64_t offset, const void *data, size_t bytes)
{
    const uint8_t *in = data;
    size_t block_bytes;
    int result = 0;

    if (!on_device(blk, offset, bytes, &block_bytes))
        return -ENOSPC;
    /* The lock is held throughout: no window can be loaded with what is about to be replaced, and
     * two writers cannot undo each other's part of one block. */
    mutex_lock(&cache.lock);
    for (unsigned i = 0; i < WINDOW_COUNT; i++)
        if (cache.windows[i].blk == blk)
            cache.windows[i].blk = NULL;
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
    mutex_unlock(&cache.lock);
    return result;
}
