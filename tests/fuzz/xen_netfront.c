/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Xen network frontend against a backend that does what the fuzzer's input says to rings, pages,
 * grants, events and states, and against restores at any time.
 */
/* sources: pvabi/xen/netfront.c pvabi/xen/netfront_rx.c pvabi/xen/netfront_tx.c */
/* sources: pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
#include "pvabi/errno.h"
#include "pvabi/xen/netfront.h"
#include "pvabi/xen/rings.h"
#define TARGET_BACKEND XEN_NET_BACKEND
#include "tests/fuzz/xen_frontend.h"

#include <xen/io/netif.h>

#define FRAMES 64u

static const struct pv_net_ops *const ops = &xen_net_ops;

static struct {
    struct pv_net *net;
    struct buffer rx[FRAMES], tx[FRAMES];
    netif_rx_sring_t *rx_ring;
    netif_tx_sring_t *tx_ring; /* there when the other one is */
} bed;

static void target_look(void)
{
    bed.rx_ring = xen_granted((uint32_t)xen_store_number(XEN_HOME XEN_NET_PATH "/rx-ring-ref"),
                              true);
    bed.tx_ring = xen_granted((uint32_t)xen_store_number(XEN_HOME XEN_NET_PATH "/tx-ring-ref"),
                              true);
    if (bed.tx_ring == NULL)
        bed.rx_ring = NULL;
}

static void target_features(struct bytes *bytes)
{
    static const char *const names[] = {"feature-sg", "feature-split-event-channels",
                                        "feature-ipv6-csum-offload", "feature-no-csum-offload",
                                        "feature-rx-copy"};
    uint8_t choice = next8(bytes);

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (choice & 1u << i)
            xen_store_put(XEN_NET_BACKEND, names[i], i == 3 ? "1" : choice & 128 ? "x" : "0");
}

static void receive_post(struct bytes *bytes)
{
    struct buffer *frame = &bed.rx[next8(bytes) % FRAMES];

    if (frame->in_flight)
        return;
    buffer_renew(frame, next16(bytes) % 8192u, 0);
    frame->in_flight = ops->rx_post(bed.net, frame->data, frame->bytes, frame) == 0;
}

static void receive_take(void)
{
    struct pv_net_frame got;

    while (ops->rx_take(bed.net, &got) == 1) {
        uint32_t bytes = 0;

        require(got.count >= 1 && got.count <= PV_NET_PARTS_MAX);
        for (unsigned i = 0; i < got.count; i++) {
            const struct buffer *frame = buffer_back(bed.rx, FRAMES, got.parts[i].cookie);

            require(got.parts[i].offset + got.parts[i].bytes <= frame->bytes);
            bytes += got.parts[i].bytes;
        }
        require(got.bytes == bytes && (bytes == 0 || bytes >= 14));
        require(got.meta.gso == PV_NET_GSO_NONE || got.meta.segment_bytes > 0);
    }
}

static void transmit_post(struct bytes *bytes)
{
    struct buffer *frame = &bed.tx[next8(bytes) % FRAMES];
    uint8_t kind = next8(bytes);
    struct pv_net_meta meta = {.csum_partial = kind & 1u};
    struct pv_segment segments[17];
    unsigned count = (kind >> 1) % 18u;
    uint32_t at = 0;

    if (frame->in_flight)
        return;
    if (meta.csum_partial) {
        meta.csum_start = next16(bytes) % 5000u;
        meta.csum_offset = next8(bytes) & 16u;
        meta.gso = next8(bytes) % 4u;
        meta.segment_bytes = next16(bytes);
        meta.header_bytes = 54;
    }
    for (unsigned i = 0; i < count; i++) {
        segments[i].bytes = next16(bytes) % 6000u;
        at += segments[i].bytes;
    }
    buffer_renew(frame, at, kind);
    at = 0;
    for (unsigned i = 0; i < count; at += segments[i++].bytes)
        segments[i].address = frame->data + at;
    frame->in_flight = ops->tx_post(bed.net, segments, count, &meta, frame) == 0;
}

static void transmit_take(void)
{
    void *cookie;

    while (ops->tx_take(bed.net, &cookie) == 1)
        (void)buffer_back(bed.tx, FRAMES, cookie);
}

static void respond(struct bytes *bytes, bool wild)
{
    uint8_t kind = next8(bytes);

    if (kind & 1u) {
        bed.tx_ring->ring[bed.tx_ring->rsp_prod % 256u].rsp = (struct netif_tx_response){
            .id = wild ? next16(bytes) : (kind >> 1) % 64u,
            .status = wild ? (int16_t)next16(bytes) : 0};
        bed.tx_ring->rsp_prod++;
    } else {
        bed.rx_ring->ring[bed.rx_ring->rsp_prod % 256u].rsp = (struct netif_rx_response){
            .id = wild ? next16(bytes) : bed.rx_ring->rsp_prod % 256u,
            .offset = wild ? next16(bytes) : next8(bytes),
            .flags = (kind >> 1) & (wild ? 0x7fu : 7u),
            .status = (int16_t)(wild ? next16(bytes) : next16(bytes) % 3000u)};
        bed.rx_ring->rsp_prod++;
    }
}

/* One act of the backend's. */
static void act(struct bytes *bytes)
{
    uint8_t choice = next8(bytes) % 9u;

    if (choice < 4u)
        respond(bytes, choice == 3u);
    else
        backend_act(bytes, choice - 4u,
                    next8(bytes) & 1u ? (void *)bed.rx_ring : (void *)bed.tx_ring);
}

static void target_step(struct bytes *bytes)
{
    switch (next8(bytes) % 16u) {
    case 0:
    case 1:
        receive_post(bytes);
        break;
    case 2:
        ops->rx_kick(bed.net);
        break;
    case 3:
        receive_take();
        break;
    case 4:
        (void)ops->rx_ask(bed.net);
        break;
    case 5:
    case 6:
        transmit_post(bytes);
        break;
    case 7:
        ops->tx_kick(bed.net);
        transmit_take();
        break;
    case 8:
        (void)ops->tx_ask(bed.net);
        break;
    case 9:
        backend_restore(bytes);
        break;
    default:
        if (bed.rx_ring != NULL)
            act(bytes);
        break;
    }
}

static const char *const *target_attach(const struct pv_device *device)
{
    (void)ops->attach(device, frontend_memory_new(ops->memory_bytes(device)), &bed.net);
    return &bed.net->fault;
}

static void target_ask(void)
{
    (void)ops->rx_ask(bed.net);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    memset(&bed, 0, sizeof(bed));
    xen_fuzz(input, size, xen_net_create);
    buffers_free(bed.rx, FRAMES);
    buffers_free(bed.tx, FRAMES);
    return 0;
}
