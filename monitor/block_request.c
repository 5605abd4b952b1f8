/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One virtio-blk request: taken apart, checked, carried out. The guest can change its memory at any
 * time, so header and discard ranges are copied once. See block_request.h.
 */
#include "block_request.h"

#include <endian.h>
#include <linux/virtio_blk.h>

#include "iov.h"

_Static_assert(sizeof(struct virtio_blk_outhdr) == REQUEST_HEADER_BYTES, "virtio 1.2, 5.2.6");

void request_parse(struct request *request)
{
    struct vring_chain *chain = &request->chain;
    struct iovec *segments = chain->segments;
    struct iovec *writable = segments + chain->readable_count;
    struct virtio_blk_outhdr header;
    struct iovec *last;

    iov_read(segments, chain->readable_count, &header, sizeof(header));
    request->type = le32toh(header.type);
    request->offset = le64toh(header.sector); /* in sectors, until it is checked */
    request->status = VIRTIO_BLK_S_OK;
    request->written_bytes = chain->writable_bytes;

    last = &writable[chain->writable_count - 1];
    request->status_at = (uint8_t *)last->iov_base + last->iov_len - 1;
    if (request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_GET_ID) {
        request->data = writable;
        request->bytes = chain->writable_bytes - 1u;
        request->data_count = iov_trim(writable, chain->writable_count, request->bytes);
    } else {
        request->data = segments;
        request->bytes = chain->readable_bytes - sizeof(header);
        request->data_count = iov_skip(&request->data, chain->readable_count, sizeof(header));
    }
}

static bool disk_has(const struct disk *disk, uint64_t sector, uint64_t sectors)
{
    return sector <= disk->sectors && sectors <= disk->sectors - sector;
}

uint8_t request_check(struct request *request, const struct disk *disk)
{
    switch (request->type) {
    case VIRTIO_BLK_T_OUT:
    case VIRTIO_BLK_T_DISCARD:
        if (disk->read_only)
            return VIRTIO_BLK_S_IOERR;
        break;
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_FLUSH:
    case VIRTIO_BLK_T_GET_ID:
        break;
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
    if (request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_OUT) {
        if (request->bytes % DISK_SECTOR_BYTES != 0 ||
            !disk_has(disk, request->offset, request->bytes / DISK_SECTOR_BYTES))
            return VIRTIO_BLK_S_IOERR;
        request->offset *= DISK_SECTOR_BYTES;
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t request_discard(const struct request *request, struct disk *disk)
{
    struct virtio_blk_discard_write_zeroes ranges[REQUEST_DISCARD_RANGES_MAX];
    size_t count = request->bytes / sizeof(ranges[0]);

    if (!disk->can_discard)
        return VIRTIO_BLK_S_UNSUPP;
    if (count == 0 || count > REQUEST_DISCARD_RANGES_MAX || request->bytes % sizeof(ranges[0]) != 0)
        return VIRTIO_BLK_S_IOERR;
    iov_read(request->data, request->data_count, ranges, request->bytes);
    for (size_t i = 0; i < count; i++) {
        uint64_t sector = le64toh(ranges[i].sector);
        uint32_t sectors = le32toh(ranges[i].num_sectors);

        if (ranges[i].flags != 0)
            return VIRTIO_BLK_S_UNSUPP;
        if (!disk_has(disk, sector, sectors))
            return VIRTIO_BLK_S_IOERR;
        if (sectors > 0 && disk_discard(disk, sector * DISK_SECTOR_BYTES,
                                        (uint64_t)sectors * DISK_SECTOR_BYTES) < 0)
            return VIRTIO_BLK_S_IOERR;
    }
    return VIRTIO_BLK_S_OK;
}

uint8_t request_perform(struct request *request, struct disk *disk)
{
    int result;

    switch (request->type) {
    case VIRTIO_BLK_T_IN:
        result = disk_read(disk, request->data, request->data_count, request->offset);
        break;
    case VIRTIO_BLK_T_OUT:
        result = disk_write(disk, request->data, request->data_count, request->offset);
        break;
    case VIRTIO_BLK_T_FLUSH:
        result = disk_flush(disk);
        break;
    default: /* VIRTIO_BLK_T_DISCARD: request_check lets nothing else through */
        return request_discard(request, disk);
    }
    return result < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}
