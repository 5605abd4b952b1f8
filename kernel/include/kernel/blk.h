/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices for threads: requests of any size, split as the frontend demands, many threads at
 * once. A call returns when its data was transferred.
 */
#ifndef KERNEL_BLK_H
#define KERNEL_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blk;

struct blk_info {
    uint64_t sector_count; /* of 512 bytes */
    bool read_only, can_flush, can_discard;
};

/* Attaches at first use. 0, -ENODEV when there is no such device, -EIO, -ENOMEM. */
int blk_open(unsigned index, struct blk **blk);
void blk_info(struct blk *blk, struct blk_info *info);
/* Whole sectors; `data` at any alignment. 0, -EINVAL beyond the end, -EROFS, -EIO. */
int blk_read(struct blk *blk, uint64_t sector, void *data, size_t sector_count);
int blk_write(struct blk *blk, uint64_t sector, const void *data, size_t sector_count);
int blk_flush(struct blk *blk);
int blk_discard(struct blk *blk, uint64_t sector, uint64_t sector_count); /* -EOPNOTSUPP */

#endif
