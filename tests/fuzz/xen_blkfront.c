/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Xen block frontend against a backend that does what the fuzzer's input says to ring, pages,
 * grants, events and states, and against restores at any time.
 */
/* sources: pvabi/xen/blkfront.c pvabi/xen/blkfront_connect.c pvabi/xen/grant.c */
/* sources: pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
#include <stdio.h>

#include "pvabi/errno.h"
#include "pvabi/xen/blkfront.h"
#include "pvabi/xen/rings.h"
#define TARGET_BACKEND XEN_BLK_BACKEND
#include "tests/fuzz/xen_frontend.h"

#include <xen/io/blkif.h>

#define REQUESTS 160u

static const struct pv_blk_ops *const ops = &xen_blk_ops;

static struct {
    struct pv_blk *blk;
    struct buffer requests[REQUESTS];
    blkif_sring_t *sring;
    unsigned entries;
} bed;

static void target_look(void)
{
    unsigned order = (unsigned)xen_store_number(XEN_HOME XEN_BLK_PATH "/ring-page-order");
    const char *ref = order > 0 ? XEN_HOME XEN_BLK_PATH "/ring-ref0"
                                : XEN_HOME XEN_BLK_PATH "/ring-ref";

    bed.sring = xen_granted((uint32_t)xen_store_number(ref), true);
    bed.entries = __CONST_RING_SIZE(blkif, XEN_PAGE_BYTES << order);
}

static void target_features(struct bytes *bytes)
{
    static const char *const names[] = {"sectors",
                                        "sector-size",
                                        "info",
                                        "feature-flush-cache",
                                        "feature-discard",
                                        "feature-max-indirect-segments",
                                        "max-ring-page-order"};

    xen_store_put(XEN_HOME XEN_BLK_PATH, "ring-page-order", NULL); /* of an earlier ring */
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint8_t kind = next8(bytes);
        char text[24];

        if (kind < 160)
            continue; /* as an honest one says */
        snprintf(text, sizeof(text), "%llu",
                 kind < 200 ? (unsigned long long)next8(bytes)
                            : (unsigned long long)next32(bytes) << (next8(bytes) % 33u));
        xen_store_put(XEN_BLK_BACKEND, names[i], kind == 255 ? NULL : text);
    }
}

static void submit(struct bytes *bytes)
{
    struct buffer *request = &bed.requests[next8(bytes) % REQUESTS];
    uint8_t kind = next8(bytes);
    struct pv_segment segments[8];
    struct pv_blk_request wanted = {.operation = (enum pv_blk_operation)(kind & 3u),
                                    .sector = next16(bytes),
                                    .sector_count = next8(bytes),
                                    .segments = segments,
                                    .cookie = request};
    uint32_t at = 0;

    if (request->in_flight)
        return;
    wanted.segment_count = (kind >> 2) % 9u;
    for (unsigned i = 0; i < wanted.segment_count; i++) {
        segments[i].bytes = (next8(bytes) % 80u + (kind < 250)) * 512u;
        at += segments[i].bytes;
    }
    buffer_renew(request, at, 0);
    at = 0;
    for (unsigned i = 0; i < wanted.segment_count; at += segments[i++].bytes)
        segments[i].address = request->data + at;
    request->in_flight = ops->submit(bed.blk, &wanted) == 0;
}

static void take(void)
{
    void *cookie;
    int result;

    while (ops->take(bed.blk, &cookie, &result) == 1) {
        (void)buffer_back(bed.requests, REQUESTS, cookie);
        require(result == 0 || result == -EIO || result == -EOPNOTSUPP);
    }
}

static void respond(uint64_t id, uint8_t operation, int16_t status)
{
    bed.sring->ring[bed.sring->rsp_prod % bed.entries].rsp = (struct blkif_response){
        .id = id, .operation = operation, .status = status};
    bed.sring->rsp_prod++;
}

/* One act of the backend's. */
static void act(struct bytes *bytes)
{
    uint8_t choice = next8(bytes) % 9u, operation;
    uint32_t id;

    switch (choice) {
    case 0: /* what may well be an honest answer */
    case 1:
        id = next8(bytes) % 129u;
        respond(id, next8(bytes) % 8u, 0);
        break;
    case 2:
        id = next32(bytes);
        operation = next8(bytes);
        respond(id, operation, (int16_t)next16(bytes));
        break;
    case 3:
        bed.sring->rsp_prod += (uint32_t)(int8_t)next8(bytes);
        break;
    default:
        backend_act(bytes, choice - 4u, bed.sring);
        break;
    }
}

static void target_step(struct bytes *bytes)
{
    require(bed.blk->fault || (bed.blk->sectors_max > 0 && bed.blk->block_bytes >= 512));
    switch (next8(bytes) % 16u) {
    case 0:
    case 1:
    case 2:
    case 3:
        submit(bytes);
        break;
    case 4:
    case 5:
        ops->kick(bed.blk);
        break;
    case 6:
    case 7:
        take();
        break;
    case 8:
        (void)ops->ask(bed.blk);
        break;
    case 9:
        ops->refresh(bed.blk);
        break;
    case 10:
        backend_restore(bytes);
        break;
    default:
        if (bed.sring != NULL)
            act(bytes);
        break;
    }
}

static const char *const *target_attach(const struct pv_device *device)
{
    (void)ops->attach(device, frontend_memory_new(ops->memory_bytes(device)), &bed.blk);
    return &bed.blk->fault;
}

static void target_ask(void)
{
    (void)ops->ask(bed.blk);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    memset(&bed, 0, sizeof(bed));
    xen_fuzz(input, size, xen_blk_create);
    buffers_free(bed.requests, REQUESTS);
    return 0;
}
