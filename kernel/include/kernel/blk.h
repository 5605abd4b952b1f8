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
    uint32_t block_bytes;  /* transfers begin and end at multiples of it: a power of two, >= 512 */
    bool read_only, can_flush, can_discard;
};

/* How many disks there are. Attaches those devices that may carry several. */
unsigned blk_count(void);
/* Attaches at first use. 0, -ENODEV when there is no such disk, -EIO, -ENOMEM. */
int blk_open(unsigned index, struct blk **blk);
/* What is known of a disk. */
void blk_info(struct blk *blk, struct blk_info *info);
/* The same after a look whether the device has news. That may cost several exits of the VM. */
void blk_info_now(struct blk *blk, struct blk_info *info);
/* Whole blocks; `data` at any alignment. 0, -EINVAL beyond the end, -EROFS, -EIO. */
int blk_read(struct blk *blk, uint64_t sector, void *data, size_t sector_count);
int blk_write(struct blk *blk, uint64_t sector, const void *data, size_t sector_count);
int blk_flush(struct blk *blk);
int blk_discard(struct blk *blk, uint64_t sector, uint64_t sector_count); /* -EOPNOTSUPP */

#endif
