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
#include <string.h>

#include "pvabi/errno.h"
#include "pvabi/xen/blkfront.h"
#include "pvabi/xen/rings.h"
#include "pvabi/xen/xenbus.h"
#include "tests/unit/support/bytes.h"
#include "tests/unit/support/xen_backend.h"

#include <xen/io/blkif.h>

#define REQUESTS 64u

static const struct pv_blk_ops *const ops = &xen_blk_ops;

/* A request of the kernel's; its address is the cookie. */
struct request {
    uint8_t *data; /* of its own, so that the sanitizer sees what lies around it */
    uint32_t bytes;
    bool in_flight;
};

static struct {
    struct pv_blk *blk;
    struct request requests[REQUESTS];
    blkif_sring_t *sring;
} bed;

static void connect(void)
{
    bed.sring = xen_granted((uint32_t)xen_store_number(XEN_HOME XEN_BLK_PATH "/ring-ref"), true);
}

static void features_choose(struct bytes *bytes)
{
    static const char *const names[] = {"sectors",
                                        "sector-size",
                                        "info",
                                        "feature-flush-cache",
                                        "feature-discard",
                                        "feature-max-indirect-segments"};

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
    struct request *request = &bed.requests[next8(bytes) % REQUESTS];
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
    free(request->data);
    wanted.segment_count = (kind >> 2) % 9u;
    request->bytes = 0;
    for (unsigned i = 0; i < wanted.segment_count; i++) {
        segments[i].bytes = (next8(bytes) % 80u + (kind < 250)) * 512u;
        request->bytes += segments[i].bytes;
    }
    request->data = malloc(request->bytes + 1u);
    memset(request->data, 0, request->bytes);
    for (unsigned i = 0; i < wanted.segment_count; at += segments[i++].bytes)
        segments[i].address = request->data + at;
    request->in_flight = ops->submit(bed.blk, &wanted) == 0;
}

static void take(void)
{
    void *cookie;
    int result;

    while (ops->take(bed.blk, &cookie, &result) == 1) {
        struct request *request = cookie;

        require(request >= bed.requests && request < bed.requests + REQUESTS);
        require(request->in_flight); /* each comes back once */
        require(result == 0 || result == -EIO || result == -EOPNOTSUPP);
        request->in_flight = false;
    }
}

/* One act of the backend's. */
static void act(struct bytes *bytes)
{
    uint8_t *ring = (uint8_t *)bed.sring;
    struct blkif_response *response;
    void *page;

    switch (next8(bytes) % 9u) {
    case 0: /* what may well be an honest answer */
    case 1:
        response = &bed.sring->ring[bed.sring->rsp_prod % 32u].rsp;
        *response = (struct blkif_response){
            .id = next8(bytes) % 33u, .operation = next8(bytes) % 8u, .status = 0};
        bed.sring->rsp_prod++;
        break;
    case 2:
        response = &bed.sring->ring[bed.sring->rsp_prod % 32u].rsp;
        *response = (struct blkif_response){
            .id = next32(bytes), .operation = next8(bytes), .status = (int16_t)next16(bytes)};
        bed.sring->rsp_prod++;
        break;
    case 3:
        bed.sring->rsp_prod += (uint32_t)(int8_t)next8(bytes);
        break;
    case 4:
        ring[next16(bytes) % XEN_PAGE_BYTES] = next8(bytes);
        break;
    case 5:
        page = xen_granted(next16(bytes) % 200u, true);
        if (page != NULL && page != (void *)bed.sring)
            memset(page, next8(bytes), XEN_PAGE_BYTES);
        break;
    case 6:
        page = xen_granted(next8(bytes) % 160u, false);
        if (page != NULL)
            xen_hold((uint32_t)(bytes->left % 160u));
        break;
    case 7:
        for (unsigned i = next8(bytes); i-- > 0;)
            xen_backend_send(2);
        break;
    default:
        xen_store_set_number(XEN_BLK_BACKEND "/state", next8(bytes) % 9u);
        xen_store_deliver();
        break;
    }
}

static void restore(struct bytes *bytes)
{
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    features_choose(bytes);
    xen_store_set(XEN_BLK_BACKEND "/state", next8(bytes) < 200 ? "2" : "4");
    xenbus_restored();
    (void)ops->ask(bed.blk);
    connect();
}

static void step(struct bytes *bytes)
{
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
        restore(bytes);
        break;
    default:
        if (bed.sring != NULL)
            act(bytes);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    const struct pv_device *devices;
    void *memory = NULL;
    unsigned count;

    memset(&bed, 0, sizeof(bed));
    xen_machine_start();
    xen_grant_counters = (struct xen_grant_counters){0};
    xen_blk_create();
    features_choose(&bytes);
    devices = xenbus_devices(&count);
    require(posix_memalign(&memory, XEN_PAGE_BYTES, ops->memory_bytes(&devices[0])) == 0);
    memset(memory, 0, ops->memory_bytes(&devices[0]));
    if (ops->attach(&devices[0], memory, &bed.blk) == 0)
        connect();
    while (bytes.left > 0) {
        const char *fault = bed.blk->fault;

        step(&bytes);
        require(!fault || bed.blk->fault == fault);
        require(!bed.blk->fault || xen_grant_counters.in_use == 0);
        require(bed.blk->fault || (bed.blk->sectors_max > 0 && bed.blk->block_bytes >= 512));
        require(xen_machine.masked == 0);
        if (bed.blk->fault)
            bed.sring = NULL;
    }
    for (unsigned i = 0; i < REQUESTS; i++)
        free(bed.requests[i].data);
    free(memory);
    xen_machine_stop();
    return 0;
}
