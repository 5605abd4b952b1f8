/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen network frontend against a backend that the test plays, honest and hostile. */
/* sources: pvabi/xen/netfront.c pvabi/xen/netfront_rx.c pvabi/xen/netfront_tx.c */
/* sources: pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/xen/netfront.h"
#include "pvabi/xen/rings.h"
#include "pvabi/xen/xenbus.h"
#include "tests/unit/support/xen_backend.h"

#include <xen/io/netif.h>

#define BUFFER_BYTES 2048u
#define FRAME_BYTES_MAX 65535u
#define RX_PAGES 64u
#define TX_PAGES 64u

static const struct pv_net_ops *const ops = &xen_net_ops;

static struct {
    const struct pv_device *device;
    struct pv_net *net;
    void *memory;
    uint8_t *buffer; /* of its own, so that the sanitizer sees what lies around it */
    uint8_t *frame;
    uint32_t rx_port, tx_port;
    netif_rx_back_ring_t rx;
    netif_tx_back_ring_t tx;
    uint8_t sent[FRAME_BYTES_MAX];
} bed;

static int bed_attach(void)
{
    size_t bytes = ops->memory_bytes(bed.device);

    assert_int_equal(posix_memalign(&bed.memory, XEN_PAGE_BYTES, bytes), 0);
    memset(bed.memory, 0, bytes);
    return ops->attach(bed.device, bed.memory, &bed.net);
}

static uint32_t front_number(const char *name)
{
    char path[64] = XEN_HOME XEN_NET_PATH "/";

    strcat(path, name);
    return (uint32_t)xen_store_number(path);
}

/* The backend's side: what it finds in xenstore. */
static void back_connect(void)
{
    netif_rx_sring_t *rx = xen_granted(front_number("rx-ring-ref"), true);
    netif_tx_sring_t *tx = xen_granted(front_number("tx-ring-ref"), true);

    assert_true(rx != NULL && tx != NULL);
    BACK_RING_INIT(&bed.rx, rx, XEN_PAGE_BYTES);
    BACK_RING_INIT(&bed.tx, tx, XEN_PAGE_BYTES);
    bed.rx_port = front_number("event-channel-rx");
    bed.tx_port = front_number("event-channel-tx");
    if (bed.rx_port == 0)
        bed.rx_port = bed.tx_port = front_number("event-channel");
}

static int set_up(void **state)
{
    const struct pv_device *devices;
    unsigned count;

    (void)state;
    memset(&bed, 0, sizeof(bed));
    xen_machine_start();
    xen_grant_counters = (struct xen_grant_counters){0};
    xen_net_create();
    devices = xenbus_devices(&count);
    bed.device = &devices[0];
    bed.buffer = malloc(BUFFER_BYTES);
    bed.frame = malloc(FRAME_BYTES_MAX + 1u);
    for (unsigned i = 0; i <= FRAME_BYTES_MAX; i++)
        bed.frame[i] = (uint8_t)(i * 7u + i / 4096u);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(bed.memory);
    free(bed.buffer);
    free(bed.frame);
    xen_machine_stop();
    return 0;
}

/* A new machine, in the middle of a test. */
static void again(void)
{
    tear_down(NULL);
    set_up(NULL);
}

static void bed_open(void)
{
    assert_int_equal(bed_attach(), 0);
    back_connect();
    memset(xen_machine.raised, 0, sizeof(xen_machine.raised));
}

static void post(void)
{
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), 0);
    ops->rx_kick(bed.net);
}

static int take(uint32_t *bytes, struct pv_net_meta *meta)
{
    struct pv_net_frame frame;
    int got = ops->rx_take(bed.net, &frame);

    if (got == 1) {
        assert_int_equal(frame.count, 1);
        assert_ptr_equal(frame.parts[0].cookie, &bed);
        assert_int_equal(frame.parts[0].offset, bed.net->rx_headroom);
        assert_int_equal(frame.parts[0].bytes, frame.bytes);
        *bytes = frame.bytes;
        *meta = frame.meta;
    }
    return got;
}

static int send(uint32_t bytes, const struct pv_net_meta *meta, void *cookie)
{
    struct pv_segment segment = {bed.frame, bytes};

    return ops->tx_post(bed.net, &segment, 1, meta, cookie);
}

/* ---- the backend's side ------------------------------------------------------------------- */

/* Answers the next receive request as it stands, without the index. */
static void back_respond(uint16_t id, uint16_t offset, uint16_t flags, int16_t status)
{
    struct netif_rx_response *response = RING_GET_RESPONSE(&bed.rx, bed.rx.rsp_prod_pvt);

    *response = (struct netif_rx_response){id, offset, flags, status};
    bed.rx.rsp_prod_pvt++;
}

static void back_push(void)
{
    RING_PUSH_RESPONSES(&bed.rx);
}

/* An honest part of a frame: into the page of the next request. */
static void back_part(const uint8_t *data, uint16_t offset, uint16_t bytes, uint16_t flags)
{
    struct netif_rx_request request;
    uint8_t *page;

    assert_int_not_equal(bed.rx.req_cons, bed.rx.sring->req_prod);
    request = *RING_GET_REQUEST(&bed.rx, bed.rx.req_cons++);
    page = xen_granted(request.gref, true);
    assert_non_null(page);
    memcpy(page + offset, data, bytes);
    back_respond(request.id, offset, flags, (int16_t)bytes);
}

static void back_frame(const uint8_t *data, uint16_t bytes, uint16_t flags)
{
    back_part(data, 0, bytes, flags);
    back_push();
}

struct back_sent {
    uint32_t bytes;
    unsigned parts;
    uint16_t flags, ids[20];
    struct netif_extra_info extra;
};

/* Takes a frame as netback does: the first request names the size of all. */
static bool back_take(struct back_sent *sent)
{
    bool more = true;
    uint32_t total = 0;

    *sent = (struct back_sent){0};
    if (bed.tx.req_cons == bed.tx.sring->req_prod)
        return false;
    while (more) {
        struct netif_tx_request request = *RING_GET_REQUEST(&bed.tx, bed.tx.req_cons++);
        const uint8_t *page = xen_granted(request.gref, false);
        uint32_t bytes = request.size;

        assert_non_null(page);
        assert_null(xen_granted(request.gref, true)); /* only to be read */
        assert_int_equal(request.offset, 0);
        more = (request.flags & NETTXF_more_data) != 0;
        if (sent->parts == 0) {
            total = request.size;
            sent->flags = request.flags;
            if (request.flags & NETTXF_extra_info)
                memcpy(&sent->extra, RING_GET_REQUEST(&bed.tx, bed.tx.req_cons++),
                       sizeof(sent->extra));
            if (more)
                bytes = XEN_PAGE_BYTES;
        }
        memcpy(bed.sent + sent->bytes, page, bytes);
        for (uint32_t i = bytes; i < XEN_PAGE_BYTES; i++) /* Mirage advisory 01 */
            assert_int_equal(page[i], 0);
        sent->ids[sent->parts++] = request.id;
        sent->bytes += bytes;
    }
    assert_int_equal(sent->bytes, total);
    return true;
}

static void back_complete(uint16_t id, int16_t status)
{
    struct netif_tx_response *response = RING_GET_RESPONSE(&bed.tx, bed.tx.rsp_prod_pvt);

    *response = (struct netif_tx_response){.id = id, .status = status};
    bed.tx.rsp_prod_pvt++;
    RING_PUSH_RESPONSES(&bed.tx);
}

static void expect_fault(const char *words)
{
    struct pv_net_frame frame;
    void *cookie;

    assert_int_equal(ops->rx_take(bed.net, &frame), -EIO);
    assert_non_null(bed.net->fault);
    assert_non_null(strstr(bed.net->fault, words));
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), -EIO);
    assert_int_equal(send(60, NULL, &bed), -EIO);
    assert_true(ops->rx_ask(bed.net));
    assert_true(ops->tx_ask(bed.net));
    ops->rx_kick(bed.net);
    ops->tx_kick(bed.net);
    assert_int_equal(xen_grant_counters.in_use, 0);
    for (unsigned i = 2; i < 64; i++)
        assert_false(xen_machine.channels[i].open);
    assert_int_equal(xen_machine.masked, 0);
}

/* ---- an honest backend -------------------------------------------------------------------- */

static void test_attach(void **state)
{
    static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x0a, 0x0b, 0xff};

    (void)state;
    bed_open();
    assert_memory_equal(bed.net->mac, mac, 6);
    assert_int_equal(bed.net->mtu, 1500);
    assert_true(bed.net->tx_csum && bed.net->link_up);
    assert_int_equal(bed.net->rx_event, xen_machine.channels[bed.rx_port].event);
    assert_int_equal(bed.net->tx_event, xen_machine.channels[bed.tx_port].event);
    assert_int_not_equal(bed.net->rx_event, bed.net->tx_event);
    assert_int_equal((bed.net->rx_headroom + 14u) % 16u, 0);
    assert_int_equal(front_number("request-rx-copy"), 1);
    assert_int_equal(front_number("feature-sg"), 1);
    assert_int_equal(bed.rx.sring->req_prod, RX_PAGES);
}

static void test_attach_plain(void **state)
{
    static const uint8_t none[6];

    (void)state;
    xen_store_put(XEN_NET_BACKEND, "feature-sg", NULL);
    xen_store_put(XEN_NET_BACKEND, "feature-split-event-channels", NULL);
    xen_store_put(XEN_NET_BACKEND, "feature-no-csum-offload", "1");
    xen_store_put(XEN_HOME XEN_NET_PATH, "mac", "01:16:3e:0a:0b:ff"); /* a group's */
    xen_store_put(XEN_HOME XEN_NET_PATH, "mtu", "9000");
    bed_open();
    assert_memory_equal(bed.net->mac, none, 6);
    assert_int_equal(bed.net->mtu, 1500); /* 9000 would not fit in a page */
    assert_false(bed.net->tx_csum);
    assert_int_equal(bed.net->rx_event, bed.net->tx_event);
    assert_int_equal(send(XEN_PAGE_BYTES + 1u, NULL, &bed), -EINVAL);
    assert_int_equal(send(XEN_PAGE_BYTES, NULL, &bed), 0);
}

static void test_receive(void **state)
{
    struct pv_net_meta meta;
    uint32_t bytes;

    (void)state;
    bed_open();
    assert_int_equal(take(&bytes, &meta), 0);
    for (unsigned i = 0; i < 600; i++) { /* around the ring twice */
        post();
        back_frame(bed.frame + i, (uint16_t)(60u + i), 0);
        assert_int_equal(take(&bytes, &meta), 1);
        assert_int_equal(bytes, 60u + i);
        assert_memory_equal(bed.buffer + bed.net->rx_headroom, bed.frame + i, bytes);
        assert_false(meta.csum_valid);
    }
}

static void test_receive_parts(void **state)
{
    struct pv_net_meta meta;
    uint32_t bytes;

    (void)state;
    bed_open();
    post();
    back_part(bed.frame, 100, 500, NETRXF_more_data | NETRXF_data_validated);
    back_part(bed.frame + 500, 3796, 300, NETRXF_more_data);
    back_push();
    assert_int_equal(take(&bytes, &meta), 0); /* not whole yet */
    assert_false(ops->rx_ask(bed.net));       /* which is no reason to look again and again */
    assert_int_equal(bed.rx.sring->rsp_event, 3);
    back_part(bed.frame + 800, 0, 700, 0);
    back_push();
    assert_true(ops->rx_ask(bed.net));
    assert_int_equal(take(&bytes, &meta), 1);
    assert_int_equal(bytes, 1500);
    assert_true(meta.csum_valid);
    assert_memory_equal(bed.buffer + bed.net->rx_headroom, bed.frame, 1500);
}

static void test_receive_checksum(void **state)
{
    static const uint16_t flags[] = {0, NETRXF_data_validated,
                                     NETRXF_data_validated | NETRXF_csum_blank, 0x8000};
    static const bool valid[] = {false, true, true, false};
    struct pv_net_meta meta;
    uint32_t bytes;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 4; i++) {
        post();
        back_frame(bed.frame, 60, flags[i]);
        assert_int_equal(take(&bytes, &meta), 1);
        assert_int_equal(meta.csum_valid, valid[i]);
    }
}

/* Frames that come while the kernel has posted nothing wait, and are announced when it has. */
static void test_receive_without_buffers(void **state)
{
    struct pv_net_meta meta;
    uint32_t bytes;

    (void)state;
    bed_open();
    back_frame(bed.frame, 60, 0);
    assert_int_equal(take(&bytes, &meta), 0);
    assert_false(ops->rx_ask(bed.net));
    assert_false(xen_event_taken(bed.net->rx_event));
    post();
    assert_true(xen_event_taken(bed.net->rx_event));
    assert_int_equal(take(&bytes, &meta), 1);
    assert_int_equal(bytes, 60);
}

static void test_dropped_frames(void **state)
{
    struct pv_net_meta meta;
    uint32_t bytes = 1;

    (void)state;
    bed_open();
    post();
    back_frame(bed.frame, 13, 0); /* shorter than its header */
    assert_int_equal(take(&bytes, &meta), 1);
    assert_int_equal(bytes, 0);
    post();
    back_frame(bed.frame, BUFFER_BYTES - 1u, 0); /* longer than the buffer */
    assert_int_equal(take(&bytes, &meta), 1);
    assert_int_equal(bytes, 0);
    post();
    back_frame(bed.frame, (uint16_t)(BUFFER_BYTES - bed.net->rx_headroom), 0);
    assert_int_equal(take(&bytes, &meta), 1);
    assert_int_equal(bytes, BUFFER_BYTES - bed.net->rx_headroom);
    post();
    back_part(bed.frame, 0, 60, NETRXF_more_data);
    bed.rx.req_cons++;
    back_respond((uint16_t)(bed.rx.rsp_prod_pvt % 256u), 0, 0, -1); /* its second half failed */
    back_push();
    assert_int_equal(take(&bytes, &meta), 1);
    assert_int_equal(bytes, 0);
    assert_null(bed.net->fault);
}

static void test_transmit(void **state)
{
    static const uint32_t sizes[] = {14, 60, 1514, 4096, 4097, 9014, 65535};
    struct back_sent sent;
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned round = 0; round < 40; round++) {
        uint32_t bytes = sizes[round % 7u];

        assert_int_equal(send(bytes, NULL, &sent), 0);
        ops->tx_kick(bed.net);
        assert_true(back_take(&sent));
        assert_int_equal(sent.bytes, bytes);
        assert_int_equal(sent.flags & ~NETTXF_more_data, 0);
        assert_memory_equal(bed.sent, bed.frame, bytes);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
        for (unsigned i = sent.parts; i-- > 0;) { /* in any order */
            assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
            back_complete(sent.ids[i], i % 3u == 0 ? 0 : i % 3u == 1 ? -1 : -2);
        }
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
        assert_ptr_equal(cookie, &sent);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
    }
}

static void test_transmit_segments(void **state)
{
    struct pv_segment segments[16];
    struct back_sent sent;

    (void)state;
    bed_open();
    for (unsigned i = 0, at = 0; i < 16; at += segments[i++].bytes)
        segments[i] = (struct pv_segment){bed.frame + at, i * 100u + 1u};
    assert_int_equal(ops->tx_post(bed.net, segments, 16, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    assert_int_equal(sent.bytes, 12016);
    assert_memory_equal(bed.sent, bed.frame, 12016);
}

/* The sum of 16-bit words, big-endian, folded (RFC 1071). */
static uint16_t sum_of(const uint8_t *data, uint32_t bytes)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++)
        sum += i % 2u ? data[i] : (uint32_t)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)sum;
}

/* A checksum that the backend finds by itself is left to it; every other is put in here. */
static void test_transmit_checksum(void **state)
{
    static const struct {
        uint8_t type[2];
        bool csum6;
        uint16_t offset;
        bool left;
    } cases[] = {
        {{0x08, 0x00}, true, 16, true},   {{0x08, 0x00}, true, 6, true},
        {{0x08, 0x00}, true, 10, false},  {{0x86, 0xdd}, true, 16, true},
        {{0x86, 0xdd}, false, 16, false}, {{0x81, 0x00}, true, 16, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pv_net_meta meta = {
            .csum_partial = true, .csum_start = 34, .csum_offset = cases[i].offset};
        struct back_sent sent;

        again();
        if (!cases[i].csum6)
            xen_store_put(XEN_NET_BACKEND, "feature-ipv6-csum-offload", NULL);
        bed_open();
        memcpy(bed.frame + 12, cases[i].type, 2);
        for (uint32_t bytes = 9001; bytes < 9003; bytes++) {
            assert_int_equal(send(bytes, &meta, &bed), 0);
            ops->tx_kick(bed.net);
            assert_true(back_take(&sent));
            assert_int_equal((sent.flags & NETTXF_csum_blank) != 0, cases[i].left);
            if (cases[i].left)
                assert_memory_equal(bed.sent, bed.frame, bytes);
            if (!cases[i].left) {
                uint8_t copy[9002];
                uint16_t sum;

                memcpy(copy, bed.frame, bytes);
                sum = (uint16_t)~sum_of(copy + 34, bytes - 34u);
                assert_int_equal(bed.sent[34 + cases[i].offset] << 8 |
                                     bed.sent[35 + cases[i].offset],
                                 sum == 0 ? 0xffff : sum);
            }
        }
    }
}

/* A large frame is described behind its first request; the answer to that frees nothing. */
static void test_transmit_large(void **state)
{
    struct pv_net_meta meta = {.csum_partial = true,
                               .gso = PV_NET_GSO_TCP4,
                               .csum_start = 34,
                               .csum_offset = 16,
                               .header_bytes = 54,
                               .segment_bytes = 1448};
    struct back_sent sent;
    void *cookie;

    (void)state;
    bed_open();
    assert_true(bed.net->tx_tso4 && !bed.net->tx_tso6);
    memcpy(bed.frame + 12, (uint8_t[]){0x08, 0x00}, 2);
    assert_int_equal(send(60000, &meta, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    assert_memory_equal(bed.sent, bed.frame, 60000);
    assert_true(sent.flags & NETTXF_extra_info && sent.flags & NETTXF_csum_blank);
    assert_int_equal(sent.extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
    assert_int_equal(sent.extra.flags, 0);
    assert_int_equal(sent.extra.u.gso.size, 1448);
    assert_int_equal(sent.extra.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
    back_complete(0xdead, NETIF_RSP_NULL);
    for (unsigned i = 0; i < sent.parts; i++) {
        assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
        back_complete(sent.ids[i], 0);
    }
    assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
    meta.segment_bytes = 0;
    assert_int_equal(send(60000, &meta, &bed), -EINVAL);
    meta.segment_bytes = 1448;
    meta.csum_partial = false;
    assert_int_equal(send(60000, &meta, &bed), -EINVAL);
    meta.csum_partial = true;
    meta.gso = PV_NET_GSO_TCP6; /* not offered */
    assert_int_equal(send(60000, &meta, &bed), -EINVAL);
    assert_int_equal(send(60, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    back_complete(0, NETIF_RSP_NULL); /* there is no description any more */
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    expect_fault("status");
}

static void back_extra(uint8_t type, uint8_t flags, uint8_t gso, uint16_t size)
{
    struct netif_extra_info extra = {.type = type, .flags = flags};

    extra.u.gso.type = gso;
    extra.u.gso.size = size;
    bed.rx.req_cons++;
    memcpy(RING_GET_RESPONSE(&bed.rx, bed.rx.rsp_prod_pvt), &extra, sizeof(extra));
    bed.rx.rsp_prod_pvt++;
}

/* A large frame fills as many of the kernel's buffers as it needs. */
static void test_receive_large(void **state)
{
    static uint8_t buffers[8][BUFFER_BYTES];
    struct pv_net_frame frame;
    uint32_t at = 0;

    (void)state;
    bed_open();
    assert_int_equal(bed.net->rx_frame_max, 65535);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(ops->rx_post(bed.net, buffers[i], BUFFER_BYTES, buffers[i]), 0);
    back_part(bed.frame, 0, 4096, NETRXF_more_data | NETRXF_extra_info | NETRXF_csum_blank);
    back_push();
    assert_int_equal(ops->rx_take(bed.net, &frame), 0);
    back_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, XEN_NETIF_GSO_TYPE_TCPV4, 1448);
    back_part(bed.frame + 4096, 0, 4096, NETRXF_more_data);
    back_part(bed.frame + 8192, 0, 808, 0);
    back_push();
    assert_int_equal(ops->rx_take(bed.net, &frame), 1);
    assert_int_equal(frame.bytes, 9000);
    assert_int_equal(frame.count, 5);
    assert_int_equal(frame.meta.gso, PV_NET_GSO_TCP4);
    assert_int_equal(frame.meta.segment_bytes, 1448);
    assert_true(frame.meta.csum_valid);
    for (unsigned i = 0; i < frame.count; at += frame.parts[i++].bytes) {
        assert_ptr_equal(frame.parts[i].cookie, buffers[i]);
        assert_memory_equal(buffers[i] + frame.parts[i].offset, bed.frame + at,
                            frame.parts[i].bytes);
    }
    assert_int_equal(at, 9000);
    back_frame(bed.frame, 4096, 0); /* takes the last three; */
    assert_int_equal(ops->rx_take(bed.net, &frame), 1);
    assert_int_equal(frame.count, 3);
    assert_int_equal(frame.bytes, 4096);
    back_frame(bed.frame, 60, 0);
    assert_int_equal(ops->rx_take(bed.net, &frame), 0); /* now there is none left */
}

/* XSA-376: descriptions that nobody asked for. */
static void test_received_descriptions(void **state)
{
    static const struct {
        uint8_t type, flags, gso;
        uint16_t size;
    } cases[] = {
        {XEN_NETIF_EXTRA_TYPE_NONE, 0, 1, 1448},
        {XEN_NETIF_EXTRA_TYPE_HASH, 0, 1, 1448},
        {255, 0, 1, 1448},
        {XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 1, 1448},
        {XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, 1448},
        {XEN_NETIF_EXTRA_TYPE_GSO, 0, 3, 1448},
        {XEN_NETIF_EXTRA_TYPE_GSO, 0, 1, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        again();
        bed_open();
        post();
        back_part(bed.frame, 0, 60, NETRXF_extra_info);
        back_extra(cases[i].type, cases[i].flags, cases[i].gso, cases[i].size);
        back_push();
        expect_fault("not asked");
    }
    again();
    bed_open();
    post();
    back_part(bed.frame, 0, 60, NETRXF_more_data);
    back_part(bed.frame, 0, 60, NETRXF_extra_info); /* not in the first part */
    back_push();
    expect_fault("not asked");
}

static void test_malformed_frames(void **state)
{
    struct pv_net_meta meta = {.csum_partial = true, .csum_start = 84, .csum_offset = 14};
    struct pv_segment segments[17];

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 17; i++)
        segments[i] = (struct pv_segment){bed.frame, 20};
    assert_int_equal(ops->tx_post(bed.net, segments, 0, NULL, &bed), -EINVAL);
    assert_int_equal(ops->tx_post(bed.net, segments, 17, NULL, &bed), -EINVAL);
    segments[1].bytes = 0;
    assert_int_equal(ops->tx_post(bed.net, segments, 2, NULL, &bed), -EINVAL);
    assert_int_equal(send(13, NULL, &bed), -EINVAL);
    segments[0].bytes = segments[1].bytes = UINT32_MAX;
    assert_int_equal(ops->tx_post(bed.net, segments, 2, NULL, &bed), -EINVAL);
    segments[0] = (struct pv_segment){bed.frame, 65535};
    segments[1] = (struct pv_segment){bed.frame, 1};
    assert_int_equal(ops->tx_post(bed.net, segments, 2, NULL, &bed), -EINVAL);
    assert_int_equal(send(100, &meta, &bed), 0);
    assert_int_equal(send(99, &meta, &bed), -EINVAL);
    meta.csum_start = meta.csum_offset = 0xffff;
    assert_int_equal(send(65535, &meta, &bed), -EINVAL);
    meta.csum_start = 4080;
    meta.csum_offset = 16;
    assert_int_equal(send(65535, &meta, &bed), -EINVAL);
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, bed.net->rx_headroom + 13u, &bed), -EINVAL);
}

static void test_full(void **state)
{
    struct back_sent sent;
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < bed.net->rx_slots; i++)
        assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), 0);
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), -EAGAIN);
    for (unsigned round = 0; round < 10; round++) {
        unsigned count = 0;

        while (send(1514, NULL, &bed) == 0)
            count++;
        assert_int_equal(count, TX_PAGES);
        assert_int_equal(bed.net->tx_slots, TX_PAGES);
        assert_int_equal(send(60, NULL, &bed), -EAGAIN);
        ops->tx_kick(bed.net);
        while (back_take(&sent))
            back_complete(sent.ids[0], 0);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
    }
}

/* Mirage advisory 00: no two frames in flight share an identifier, so that an answer to one never
 * frees another. */
static void test_identifiers_are_unique(void **state)
{
    bool seen[TX_PAGES] = {false};
    struct back_sent sent;

    (void)state;
    bed_open();
    while (send(6000, NULL, &bed) == 0)
        ;
    ops->tx_kick(bed.net);
    while (back_take(&sent)) {
        for (unsigned i = 0; i < sent.parts; i++) {
            assert_true(sent.ids[i] < TX_PAGES && !seen[sent.ids[i]]);
            seen[sent.ids[i]] = true;
        }
    }
}

/* Mirage advisory 01: a short frame in the page of a long one; back_take looks at the rest. */
static void test_nothing_of_an_earlier_frame(void **state)
{
    struct back_sent sent;
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(send(i % 2u ? 20 + i : 8192 - i, NULL, &bed), 0);
        ops->tx_kick(bed.net);
        assert_true(back_take(&sent));
        for (unsigned j = 0; j < sent.parts; j++)
            back_complete(sent.ids[j], 0);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
    }
}

static void test_events(void **state)
{
    struct pv_net_meta meta;
    struct back_sent sent;
    uint32_t bytes;
    void *cookie;

    (void)state;
    bed_open();
    post();
    assert_false(ops->rx_ask(bed.net));
    back_frame(bed.frame, 60, 0);
    assert_true(xen_backend_send(bed.rx_port));
    assert_true(ops->rx_ask(bed.net));
    assert_int_equal(take(&bytes, &meta), 1);
    assert_false(ops->rx_ask(bed.net));
    assert_int_equal(bed.rx.sring->rsp_event, 2);
    assert_int_equal(bed.rx.sring->req_prod, RX_PAGES + 1u); /* the slot was posted again */
    assert_int_equal(send(60, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_int_equal(xen_machine.channels[bed.tx_port].sent, 1);
    assert_false(ops->tx_ask(bed.net));
    assert_true(back_take(&sent));
    back_complete(sent.ids[0], 0);
    assert_true(ops->tx_ask(bed.net));
    assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
}

/* ---- closing and restoring ---------------------------------------------------------------- */

static void test_backend_closes_in_mid_transfer(void **state)
{
    (void)state;
    bed_open();
    post();
    assert_int_equal(send(60, NULL, &bed), 0);
    back_part(bed.frame, 0, 60, NETRXF_more_data);
    back_push();
    xen_store_set(XEN_NET_BACKEND "/state", "5");
    xen_store_deliver();
    assert_true(xen_event_taken(bed.net->rx_event));
    expect_fault("closes");
    assert_int_equal(xen_store_number(XEN_HOME XEN_NET_PATH "/state"), 6);
    assert_int_equal(xen_grant_counters.leaked, 0);
}

static void test_restore(void **state)
{
    struct pv_net_meta meta;
    struct back_sent sent;
    unsigned event;
    uint32_t bytes;
    int frames[3];
    void *cookie;

    (void)state;
    bed_open();
    event = bed.net->rx_event;
    post();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send(5000, NULL, &frames[i]), 0);
    ops->tx_kick(bed.net);
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xen_machine.channels[2].open = xen_machine.channels[3].open = true;
    xen_store_put(XEN_NET_BACKEND, "state", "2");
    xenbus_restored();
    assert_true(xen_event_taken(event));
    ops->refresh(bed.net); /* down once, so that it is announced */
    assert_true(!bed.net->link_up && xen_event_taken(bed.net->config_event));
    ops->refresh(bed.net);
    assert_true(bed.net->link_up);
    assert_true(xen_event_taken(bed.net->tx_event)); /* frames may wait */
    assert_int_equal(send(60, NULL, &bed), -EAGAIN); /* first the lost ones are taken back */
    back_connect();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
    assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
    assert_int_equal(bed.net->rx_event, event);
    assert_int_equal(xen_machine.channels[bed.rx_port].event, event);
    back_frame(bed.frame, 99, 0); /* into the buffer that was posted before */
    assert_int_equal(take(&bytes, &meta), 1);
    assert_int_equal(bytes, 99);
    assert_int_equal(send(60, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    assert_int_equal(sent.bytes, 60);
}

/* Until the backend has connected: the link is down, frames wait, nobody spins. */
static void test_restore_takes_time(void **state)
{
    struct pv_net_frame frame;
    void *cookie;

    (void)state;
    bed_open();
    post();
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xen_machine.backend_passive = true;
    xen_store_put(XEN_NET_BACKEND, "state", "2");
    xenbus_restored();
    assert_int_equal(ops->rx_take(bed.net, &frame), 0);
    assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
    assert_int_equal(send(60, NULL, &bed), -EAGAIN);
    post();
    ops->rx_kick(bed.net);
    ops->tx_kick(bed.net);
    ops->refresh(bed.net);
    ops->refresh(bed.net);
    assert_false(bed.net->link_up || ops->rx_ask(bed.net) || ops->tx_ask(bed.net));
    memset(xen_machine.raised, 0, sizeof(xen_machine.raised));
    xen_store_put(XEN_NET_BACKEND, "state", "4");
    xen_store_deliver();
    assert_true(xen_event_taken(bed.net->config_event));
    ops->refresh(bed.net);
    assert_true(bed.net->link_up && bed.net->fault == NULL);
    back_connect();
    assert_int_equal(send(60, NULL, &bed), 0);
}

/* XSA-465: a backend that goes away right after a restore, before the device connected anew. */
static void test_restore_and_close(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(send(60, NULL, &bed), 0);
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xenbus_restored();
    xen_store_put(XEN_NET_BACKEND, "state", "5");
    xen_store_deliver();
    expect_fault("closes");
}

/* ---- a hostile backend -------------------------------------------------------------------- */

static void test_never_connects(void **state)
{
    (void)state;
    xen_machine.backend_passive = true;
    assert_int_equal(bed_attach(), -EIO);
    expect_fault("does not connect");
}

static void test_refused(void **state)
{
    (void)state;
    xen_store_put(XEN_NET_BACKEND, "feature-rx-copy", NULL);
    assert_int_equal(bed_attach(), -EIO);
    expect_fault("does not copy");
    again();
    xen_machine.no_channels = true;
    assert_int_equal(bed_attach(), -EIO);
    expect_fault("event channel");
}

static void test_odd_configuration(void **state)
{
    static const char *const macs[] = {"",
                                       "00:16:3e:0a:0b",
                                       "00:16:3e:0a:0b:0c:0d",
                                       "zz:16:3e:0a:0b:0c",
                                       "0016:3e:0a:0b:0c:0",
                                       "ff:ff:ff:ff:ff:ff"};
    static const char *const mtus[] = {"0", "67", "65522", "-1", "99999999999999999999", "x"};
    static const uint8_t none[6];

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        again();
        xen_store_put(XEN_HOME XEN_NET_PATH, "mac", macs[i]);
        xen_store_put(XEN_HOME XEN_NET_PATH, "mtu", mtus[i]);
        bed_open();
        assert_memory_equal(bed.net->mac, none, 6);
        assert_int_equal(bed.net->mtu, 1500);
    }
    again();
    xen_store_put(XEN_HOME XEN_NET_PATH, "mtu", "9000");
    bed_open();
    assert_int_equal(bed.net->mtu, 9000);
}

/* XSA-376: wild ids, offsets, lengths and kinds of received frames. */
static void test_received_lies(void **state)
{
    static const struct {
        uint16_t id, offset, flags;
        int16_t status;
        const char *words;
    } cases[] = {
        {1, 0, 0, 60, "id"},
        {64, 0, 0, 60, "id"},
        {256, 0, 0, 60, "id"},
        {0xffff, 0, 0, 60, "id"},
        {0, 4096, 0, 1, "outside"},
        {0, 4037, 0, 60, "outside"},
        {0, 0xffff, 0, 60, "outside"},
        {0, 0, 0, 4097, "outside"},
        {0, 0, 0, INT16_MAX, "outside"},
        {0, 0, NETRXF_gso_prefix, 60, "not asked"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        again();
        bed_open();
        post();
        memset(bed.buffer, 0x55, BUFFER_BYTES);
        back_respond(cases[i].id, cases[i].offset, cases[i].flags, cases[i].status);
        back_push();
        expect_fault(cases[i].words);
        for (unsigned j = 0; j < BUFFER_BYTES; j++)
            assert_int_equal(bed.buffer[j], 0x55);
    }
}

static void test_received_frame_without_end(void **state)
{
    (void)state;
    bed_open();
    post();
    for (unsigned i = 0; i < 18; i++)
        back_part(bed.frame, 0, 60, NETRXF_more_data);
    back_push();
    expect_fault("too many parts");
}

/* XSA-376: lies about what was sent. */
static void test_sent_lies(void **state)
{
    static const struct {
        int id; /* added to the right one */
        int16_t status;
        const char *words;
    } cases[] = {
        {1, 0, "id"},
        {-2, 0, "id"},
        {64, 0, "id"},
        {0x7fff, 0, "id"},
        {0, 2, "status"},
        {0, -3, "status"},
        {0, INT16_MIN, "status"},
        {0, 1, "status"}, /* an answer to a description that there was not */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct back_sent sent;
        void *cookie;

        again();
        bed_open();
        assert_int_equal(send(60, NULL, &bed), 0);
        ops->tx_kick(bed.net);
        assert_true(back_take(&sent));
        back_complete((uint16_t)(sent.ids[0] + cases[i].id), cases[i].status);
        assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
        expect_fault(cases[i].words);
    }
}

static void test_same_answer_twice(void **state)
{
    struct back_sent sent;
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(send(9000, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    back_complete(sent.ids[1], 0);
    back_complete(sent.ids[1], 0);
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    expect_fault("id");
}

static void test_overrun(void **state)
{
    static const uint32_t jumps[] = {1, 256, 0x80000000u, UINT32_MAX};
    void *cookie;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        again();
        bed_open();
        post();
        bed.rx.sring->rsp_prod = RX_PAGES + jumps[i] + (i == 3 ? 0 - RX_PAGES : 0);
        expect_fault("more received");
        again();
        bed_open();
        bed.tx.sring->rsp_prod = jumps[i];
        assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
        expect_fault("more sent");
    }
}

/* XSA-155: the backend rewrites rings and pages behind our back; what was taken does not change. */
static void test_rewritten(void **state)
{
    struct pv_net_meta meta;
    struct back_sent sent;
    uint32_t bytes;
    void *cookie;

    (void)state;
    bed_open();
    post();
    back_frame(bed.frame, 1000, 0);
    assert_int_equal(take(&bytes, &meta), 1);
    for (uint32_t ref = 0; ref < 8192; ref++)
        if (xen_granted(ref, true) != NULL && ref != front_number("rx-ring-ref") &&
            ref != front_number("tx-ring-ref"))
            memset(xen_granted(ref, true), 0xff, XEN_PAGE_BYTES);
    memset(bed.rx.sring->ring, 0xff, XEN_PAGE_BYTES - 64u);
    assert_memory_equal(bed.buffer + bed.net->rx_headroom, bed.frame, bytes);
    assert_int_equal(send(60, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    memset(bed.tx.sring->ring, 0xff, XEN_PAGE_BYTES - 64u);
    back_complete(sent.ids[0], 0);
    assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
    assert_null(bed.net->fault);
}

/* XSA-391, on a channel for each direction and on one for both. */
static void test_event_storm(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        unsigned looks = 0, upcalls = 0;
        uint32_t port;

        again();
        if (i == 2)
            xen_store_put(XEN_NET_BACKEND, "feature-split-event-channels", NULL);
        bed_open();
        post();
        port = i == 1 ? bed.tx_port : bed.rx_port;
        while (looks < 5000 && !(i == 1 ? ops->tx_ask(bed.net) : ops->rx_ask(bed.net))) {
            for (unsigned j = 0; j < 10; j++)
                upcalls += xen_backend_send(port);
            looks++;
        }
        assert_true(looks < 2000 && upcalls <= looks);
        expect_fault("events");
    }
}

/* One channel for both directions: answers of either make its events honest. */
static void test_no_storm_of_answers(void **state)
{
    struct pv_net_meta meta;
    uint32_t bytes;
    void *cookie;

    (void)state;
    xen_store_put(XEN_NET_BACKEND, "feature-split-event-channels", NULL);
    bed_open();
    for (unsigned i = 0; i < 3000; i++) {
        struct back_sent sent;

        assert_int_equal(send(60, NULL, &bed), 0);
        ops->tx_kick(bed.net);
        assert_true(back_take(&sent));
        back_complete(sent.ids[0], 0);
        xen_backend_send(bed.rx_port);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
        assert_int_equal(take(&bytes, &meta), 0);
        (void)ops->rx_ask(bed.net);
    }
    assert_null(bed.net->fault);
}

/* XSA-396, Mirage advisory 02. */
static void test_backend_keeps_grants(void **state)
{
    uint32_t ref;

    (void)state;
    bed_open();
    post();
    ref = RING_GET_REQUEST(&bed.rx, 0)->gref;
    xen_hold(ref);
    xen_hold(front_number("tx-ring-ref"));
    back_respond(77, 0, 0, 60);
    back_push();
    expect_fault("id");
    assert_int_equal(xen_grant_counters.leaked, 2);
    assert_non_null(xen_granted(ref, true));
}

/* XSA-403: whole pages of the frontend's own, clean before their first use. */
static void test_nothing_else_is_granted(void **state)
{
    unsigned pages = 0;

    (void)state;
    bed_open();
    post();
    assert_int_equal(send(60, NULL, &bed), 0);
    for (uint32_t ref = 0; ref < 8192; ref++) {
        uint8_t *page = xen_granted(ref, false);

        if (page == NULL)
            continue;
        pages++;
        assert_true(page > (uint8_t *)bed.memory && (uintptr_t)page % XEN_PAGE_BYTES == 0);
        assert_true(page + XEN_PAGE_BYTES <= (uint8_t *)bed.memory + ops->memory_bytes(bed.device));
        for (unsigned i = 2048; i < XEN_PAGE_BYTES; i++)
            assert_int_equal(page[i], 0);
    }
    assert_int_equal(pages, xen_grant_counters.in_use);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_attach),
        TEST(test_attach_plain),
        TEST(test_receive),
        TEST(test_receive_parts),
        TEST(test_receive_checksum),
        TEST(test_receive_without_buffers),
        TEST(test_dropped_frames),
        TEST(test_transmit),
        TEST(test_transmit_segments),
        TEST(test_transmit_checksum),
        TEST(test_transmit_large),
        TEST(test_receive_large),
        TEST(test_received_descriptions),
        TEST(test_malformed_frames),
        TEST(test_full),
        TEST(test_identifiers_are_unique),
        TEST(test_nothing_of_an_earlier_frame),
        TEST(test_events),
        TEST(test_backend_closes_in_mid_transfer),
        TEST(test_restore),
        TEST(test_restore_takes_time),
        TEST(test_restore_and_close),
        TEST(test_never_connects),
        TEST(test_refused),
        TEST(test_odd_configuration),
        TEST(test_received_lies),
        TEST(test_received_frame_without_end),
        TEST(test_sent_lies),
        TEST(test_same_answer_twice),
        TEST(test_overrun),
        TEST(test_rewritten),
        TEST(test_event_storm),
        TEST(test_no_storm_of_answers),
        TEST(test_backend_keeps_grants),
        TEST(test_nothing_else_is_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
