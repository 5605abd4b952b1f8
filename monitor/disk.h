/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file or block device as a disk of 512-byte sectors: opening, locking, reading, writing. Used by
 * the block backend, from all its threads. A tail that is no whole sector reads as padded with
 * zeros; a write to it lengthens the file to the whole sector.
 *
 * A direct disk passes the host's page cache by, with a second descriptor that is open O_DIRECT, for
 * whatever is aligned to 4 KiB in memory and on the disk; the rest goes through the cache as ever. Linux keeps
 * both views of a file the same.
 */
#ifndef MONITOR_DISK_H
#define MONITOR_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define DISK_SECTOR_BYTES 512u

struct disk {
    char *name; /* owned */
    int fd;
    int direct_fd; /* -1: none */
    bool read_only;
    bool direct;
    bool block_device;
    bool can_discard;
    bool always_waits; /* the file system cannot read only what it has in memory */
    /* Each is said once: */
    bool told_shrunk, told_full, told_error;
    uint64_t sectors; /* the size that the guest sees, constant */
    uint64_t bytes;   /* what lies before this can be read; grows by writes to the tail */
};

/* Only reads FILE[,ro][,direct] into name, read_only and direct. Negative errno with a printed reason. */
int disk_split_spec(struct disk *disk, const char *spec);

/* Opens FILE[,ro][,direct] and locks it: shared for read-only use, exclusive otherwise. Negative errno with
 * a printed reason. */
int disk_open(struct disk *disk, const char *spec);
void disk_close(struct disk *disk);

/*
 * Transfers all bytes of the segments, which end up changed. The caller has checked that they lie
 * within `sectors`. 0 or negative errno; the first error of a kind is also said on standard error.
 */
int disk_read(struct disk *disk, struct iovec *segments, unsigned count, uint64_t offset);
int disk_write(struct disk *disk, struct iovec *segments, unsigned count, uint64_t offset);

/* Whether direct_fd takes this transfer, and all of it lies in the file. */
bool disk_takes_directly(const struct disk *disk, const struct iovec *segments, unsigned count,
                         uint64_t offset, uint64_t bytes);

/* Reads without blocking and without changing the segments: true when all was at hand. */
bool disk_read_at_once(struct disk *disk, const struct iovec *segments, unsigned count,
                       uint64_t offset, uint64_t bytes);

int disk_flush(struct disk *disk);
int disk_discard(struct disk *disk, uint64_t offset, uint64_t bytes);

#endif
