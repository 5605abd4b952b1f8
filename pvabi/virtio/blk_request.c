/* SPDX-License-Identifier: BSD-2-Clause */
/* The check of what the kernel asks of a disk (blk_request.h). */
#include "blk_request.h"

uint64_t blk_request_sectors(const struct pv_blk *blk, const struct pv_blk_request *request)
{
    uint64_t bytes = 0;

    if (request->operation == PV_BLK_FLUSH)
        return 0;
    if (request->operation == PV_BLK_DISCARD)
        return request->sector_count;
    if (request->segment_count > blk->segments_max)
        return 0;
    for (unsigned i = 0; i < request->segment_count; i++) {
        uint32_t part = request->segments[i].bytes;

        if (part == 0 || part % PV_SECTOR_BYTES != 0)
            return 0;
        bytes += part;
    }
    return bytes / PV_SECTOR_BYTES;
}

bool blk_request_valid(const struct pv_blk *blk, const struct pv_blk_request *request)
{
    bool writes = request->operation == PV_BLK_WRITE || request->operation == PV_BLK_DISCARD;
    uint64_t sectors, block_sectors = blk->block_bytes / PV_SECTOR_BYTES;

    if (!request->cookie || (unsigned)request->operation > PV_BLK_DISCARD ||
        (writes && blk->read_only))
        return false;
    if (request->operation == PV_BLK_FLUSH)
        return blk->can_flush;
    if (request->operation == PV_BLK_DISCARD && !blk->can_discard)
        return false;
    sectors = blk_request_sectors(blk, request);
    return sectors > 0 && sectors <= blk->sectors_max && sectors % block_sectors == 0 &&
           request->sector % block_sectors == 0 && request->sector <= blk->sector_count &&
           sectors <= blk->sector_count - request->sector;
}
