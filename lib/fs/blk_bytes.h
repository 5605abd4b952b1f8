/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a block device at any offset, over the kernel's whole-sector calls. Small reads go
 * through a little cache that all devices share; large aligned ones go straight to the caller's
 * memory. Writes go through to the device, side by side; those that share a block end whole, one after
 * the other. Of a disk with blocks of more than 16 KiB only whole blocks can be read. Any thread.
 */
#ifndef FS_BLK_BYTES_H
#define FS_BLK_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/blk.h"

/* All bytes must lie on the device. 0 or a negative errno. */
int blk_bytes_read(struct blk *blk, uint64_t offset, void *data, size_t bytes);
/* The same past the cache, for whole blocks; otherwise -EINVAL. */
int blk_bytes_read_direct(struct blk *blk, uint64_t offset, void *data, size_t bytes);
int blk_bytes_write(struct blk *blk, uint64_t offset, const void *data, size_t bytes);

#endif
