/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Xen network frontend against a backend that does what the fuzzer's input says to rings, pages,
 * grants, events and states, and against restores at any time.
 */
/* sources: pvabi/xen/netfront.c pvabi/xen/netfront_rx.c pvabi/xen/netfront_tx.c */
/* sources: pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
#include <string.h>

#include "pvabi/errno.h"
#include "pvabi/xen/netfront.h"
#include "pvabi/xen/rings.h"
#include "pvabi/xen/xenbus.h"
#include "tests/unit/support/bytes.h"
#include "tests/unit/support/xen_backend.h"

#include <xen/io/netif.h>

#define FRAMES 64u

static const struct pv_net_ops *const ops = &xen_net_ops;

/* A buffer or frame of the kernel's; its address is the cookie. */
struct frame {
    uint8_t *data; /* of its own, so that the sanitizer sees what lies around it */
    uint32_t bytes;
    bool in_flight;
};

static struct {
    struct pv_net *net;
    struct frame rx[FRAMES], tx[FRAMES];
    netif_rx_sring_t *rx_ring;
    netif_tx_sring_t *tx_ring;
} bed;

static void connect(void)
{
    bed.rx_ring = xen_granted((uint32_t)xen_store_number(XEN_HOME XEN_NET_PATH "/rx-ring-ref"),
                              true);
    bed.tx_ring = xen_granted((uint32_t)xen_store_number(XEN_HOME XEN_NET_PATH "/tx-ring-ref"),
                              true);
    if (bed.net->fault || bed.rx_ring == NULL || bed.tx_ring == NULL)
        bed.rx_ring = NULL;
}

static void features_choose(struct bytes *bytes)
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
    struct frame *frame = &bed.rx[next8(bytes) % FRAMES];

    if (frame->in_flight)
        return;
    free(frame->data);
    frame->bytes = next16(bytes) % 8192u;
    frame->data = malloc(frame->bytes + 1u);
    frame->in_flight = ops->rx_post(bed.net, frame->data, frame->bytes, frame) == 0;
}

static void receive_take(void)
{
    struct pv_net_frame got;

    while (ops->rx_take(bed.net, &got) == 1) {
        uint32_t bytes = 0;

        require(got.count >= 1 && got.count <= PV_NET_PARTS_MAX);
        for (unsigned i = 0; i < got.count; i++) {
            struct frame *frame = got.parts[i].cookie;

            require(frame >= bed.rx && frame < bed.rx + FRAMES && frame->in_flight);
            require(got.parts[i].offset + got.parts[i].bytes <= frame->bytes);
            bytes += got.parts[i].bytes;
            frame->in_flight = false;
        }
        require(got.bytes == bytes && (bytes == 0 || bytes >= 14));
        require(got.meta.gso == PV_NET_GSO_NONE || got.meta.segment_bytes > 0);
    }
}

static void transmit_post(struct bytes *bytes)
{
    struct frame *frame = &bed.tx[next8(bytes) % FRAMES];
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
    free(frame->data);
    frame->bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        segments[i].bytes = next16(bytes) % 6000u;
        frame->bytes += segments[i].bytes;
    }
    frame->data = malloc(frame->bytes + 1u);
    memset(frame->data, kind, frame->bytes);
    for (unsigned i = 0; i < count; at += segments[i++].bytes)
        segments[i].address = frame->data + at;
    frame->in_flight = ops->tx_post(bed.net, segments, count, &meta, frame) == 0;
}

static void transmit_take(void)
{
    void *cookie;

    while (ops->tx_take(bed.net, &cookie) == 1) {
        struct frame *frame = cookie;

        require(frame >= bed.tx && frame < bed.tx + FRAMES && frame->in_flight);
        frame->in_flight = false;
    }
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
    uint8_t *ring;
    uint32_t ref;

    switch (next8(bytes) % 9u) {
    case 0:
    case 1:
    case 2:
        respond(bytes, false);
        break;
    case 3:
        respond(bytes, true);
        break;
    case 4:
        ring = next8(bytes) & 1u ? (uint8_t *)bed.rx_ring : (uint8_t *)bed.tx_ring;
        ring[next16(bytes) % XEN_PAGE_BYTES] = next8(bytes);
        break;
    case 5:
        ref = next8(bytes);
        if (xen_granted(ref, true) != NULL)
            memset(xen_granted(ref, true), next8(bytes), XEN_PAGE_BYTES);
        break;
    case 6:
        ref = next8(bytes);
        if (xen_granted(ref, false) != NULL)
            xen_hold(ref);
        break;
    case 7:
        for (unsigned i = next8(bytes); i-- > 0;)
            xen_backend_send(2u + (i & 1u));
        break;
    default:
        xen_store_set_number(XEN_NET_BACKEND "/state", next8(bytes) % 9u);
        xen_store_deliver();
        break;
    }
}

static void step(struct bytes *bytes)
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
        memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
        features_choose(bytes);
        xen_store_set(XEN_NET_BACKEND "/state", next8(bytes) < 200 ? "2" : "4");
        xenbus_restored();
        (void)ops->rx_ask(bed.net);
        connect();
        break;
    default:
        if (bed.rx_ring != NULL)
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
    xen_net_create();
    features_choose(&bytes);
    devices = xenbus_devices(&count);
    require(posix_memalign(&memory, XEN_PAGE_BYTES, ops->memory_bytes(&devices[0])) == 0);
    memset(memory, 0, ops->memory_bytes(&devices[0]));
    if (ops->attach(&devices[0], memory, &bed.net) == 0)
        connect();
    while (bytes.left > 0) {
        const char *fault = bed.net->fault;

        step(&bytes);
        require(!fault || bed.net->fault == fault);
        require(!bed.net->fault || xen_grant_counters.in_use == 0);
        require(xen_machine.masked == 0);
        if (bed.net->fault)
            bed.rx_ring = NULL;
    }
    for (unsigned i = 0; i < FRAMES; i++) {
        free(bed.rx[i].data);
        free(bed.tx[i].data);
    }
    free(memory);
    xen_machine_stop();
    return 0;
}
