/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the fuzz targets of the disks' frontends: requests from the input, each cookie back at most
 * once.
 */
#ifndef TESTS_BLK_REQUESTS_H
#define TESTS_BLK_REQUESTS_H

#include "tests/unit/support/hostile.h"

#define BLK_REQUESTS 64u

static uint8_t blk_data[8192];
static bool blk_busy[BLK_REQUESTS]; /* its addresses are the cookies */

static inline void blk_submit_any(const struct pv_blk_ops *ops, struct pv_blk *blk,
                                  struct bytes *bytes)
{
    struct pv_segment segments[16];
    struct pv_blk_request request = {.operation = next8(bytes) % 5u,
                                     .sector = next8(bytes),
                                     .sector_count = next8(bytes),
                                     .segments = segments,
                                     .segment_count = next8(bytes) % 17u};
    unsigned slot = 0;

    while (slot < BLK_REQUESTS && blk_busy[slot])
        slot++;
    if (slot == BLK_REQUESTS)
        return;
    for (unsigned i = 0; i < request.segment_count; i++)
        segments[i] = (struct pv_segment){blk_data, (next8(bytes) % 17u) * 512u};
    request.cookie = &blk_busy[slot];
    if (ops->submit(blk, &request) == 0) {
        require(request.segment_count <= blk->segments_max || request.operation == PV_BLK_FLUSH ||
                request.operation == PV_BLK_DISCARD);
        blk_busy[slot] = true;
    }
}

static inline void blk_take_all(const struct pv_blk_ops *ops, struct pv_blk *blk)
{
    void *cookie = NULL;
    int result;

    while (ops->take(blk, &cookie, &result) == 1) {
        bool *slot = cookie;

        require(slot >= blk_busy && slot < blk_busy + BLK_REQUESTS && *slot && result <= 0);
        *slot = false;
    }
}

#define BLK_CALLS 5u

/* One call of the kernel's, by a choice below BLK_CALLS. */
static inline void blk_call(const struct pv_blk_ops *ops, struct pv_blk *blk, struct bytes *bytes,
                            unsigned choice)
{
    switch (choice) {
    case 0:
        blk_submit_any(ops, blk, bytes);
        break;
    case 1:
        ops->kick(blk);
        break;
    case 2:
        blk_take_all(ops, blk);
        break;
    case 3:
        ops->ask(blk);
        break;
    default:
        ops->refresh(blk);
        break;
    }
}

#endif
