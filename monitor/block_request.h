/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One virtio-blk request (virtio 1.2, 5.2.6): taken apart, checked against the disk, carried out.
 * For the block backend only, which calls request_perform on its worker and the rest on the loop's
 * thread.
 */
#ifndef MONITOR_BLOCK_REQUEST_H
#define MONITOR_BLOCK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "disk.h"
#include "vring.h"

#define REQUEST_HEADER_BYTES 16u
#define REQUEST_DISCARD_RANGES_MAX 16u

struct request {
    struct request *next;
    uint32_t type;
    uint8_t status;  /* VIRTIO_BLK_S_* */
    uint64_t offset; /* in bytes, once it is checked */
    uint64_t bytes;  /* of data */
    uint8_t *status_at;
    struct iovec *data; /* within chain.segments */
    unsigned data_count;
    uint32_t written_bytes; /* for the used ring: the whole writable part */
    struct vring_chain chain;
};

/* Takes the chain apart, wherever the driver has put its segments' borders (virtio 1.2, 2.7.4). The
 * chain has at least a header to read and a status byte to write. */
void request_parse(struct request *request);

/* VIRTIO_BLK_S_OK, or the status with which the request ends here. */
uint8_t request_check(struct request *request, const struct disk *disk);

/* Reads, writes, flushes or discards; returns the status. May wait for the disk. */
uint8_t request_perform(struct request *request, struct disk *disk);

#endif
