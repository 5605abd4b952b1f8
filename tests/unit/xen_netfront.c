/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen network frontend attaches and receives; the test plays the backend. */
/* like: tests/unit/support/xen_net_bed.h */
#include "tests/unit/support/xen_net_bed.h"

static const struct pv_net_ops *const ops = &xen_net_ops;

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
    assert_int_equal(bed_send(XEN_PAGE_BYTES + 1u, NULL, &bed), -EINVAL);
    assert_int_equal(bed_send(XEN_PAGE_BYTES, NULL, &bed), 0);
}

static void test_receive(void **state)
{
    struct pv_net_meta meta;
    uint32_t bytes;

    (void)state;
    bed_open();
    assert_int_equal(bed_take(&bytes, &meta), 0);
    for (unsigned i = 0; i < 600; i++) { /* around the ring twice */
        bed_post();
        back_frame(bed.frame + i, (uint16_t)(60u + i), 0);
        assert_int_equal(bed_take(&bytes, &meta), 1);
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
    bed_post();
    back_part(bed.frame, 100, 500, NETRXF_more_data | NETRXF_data_validated);
    back_part(bed.frame + 500, 3796, 300, NETRXF_more_data);
    back_push();
    assert_int_equal(bed_take(&bytes, &meta), 0); /* not whole yet */
    assert_false(ops->rx_ask(bed.net));           /* which is no reason to look again and again */
    assert_int_equal(bed.rx.sring->rsp_event, 3);
    back_part(bed.frame + 800, 0, 700, 0);
    back_push();
    assert_true(ops->rx_ask(bed.net));
    assert_int_equal(bed_take(&bytes, &meta), 1);
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
        bed_post();
        back_frame(bed.frame, 60, flags[i]);
        assert_int_equal(bed_take(&bytes, &meta), 1);
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
    assert_int_equal(bed_take(&bytes, &meta), 0);
    assert_false(ops->rx_ask(bed.net));
    assert_false(xen_event_taken(bed.net->rx_event));
    bed_post();
    assert_true(xen_event_taken(bed.net->rx_event));
    assert_int_equal(bed_take(&bytes, &meta), 1);
    assert_int_equal(bytes, 60);
}

static void test_dropped_frames(void **state)
{
    struct pv_net_meta meta;
    uint32_t bytes = 1;

    (void)state;
    bed_open();
    bed_post();
    back_frame(bed.frame, 13, 0); /* shorter than its header */
    assert_int_equal(bed_take(&bytes, &meta), 1);
    assert_int_equal(bytes, 0);
    bed_post();
    back_frame(bed.frame, BUFFER_BYTES - 1u, 0); /* longer than the buffer */
    assert_int_equal(bed_take(&bytes, &meta), 1);
    assert_int_equal(bytes, 0);
    bed_post();
    back_frame(bed.frame, (uint16_t)(BUFFER_BYTES - bed.net->rx_headroom), 0);
    assert_int_equal(bed_take(&bytes, &meta), 1);
    assert_int_equal(bytes, BUFFER_BYTES - bed.net->rx_headroom);
    bed_post();
    back_part(bed.frame, 0, 60, NETRXF_more_data);
    bed.rx.req_cons++;
    back_respond((uint16_t)(bed.rx.rsp_prod_pvt % 256u), 0, 0, -1); /* its second half failed */
    back_push();
    assert_int_equal(bed_take(&bytes, &meta), 1);
    assert_int_equal(bytes, 0);
    assert_null(bed.net->fault);
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
        bed_again();
        bed_open();
        bed_post();
        back_part(bed.frame, 0, 60, NETRXF_extra_info);
        back_extra(cases[i].type, cases[i].flags, cases[i].gso, cases[i].size);
        back_push();
        bed_expect_fault("not asked");
    }
    bed_again();
    bed_open();
    bed_post();
    back_part(bed.frame, 0, 60, NETRXF_more_data);
    back_part(bed.frame, 0, 60, NETRXF_extra_info); /* not in the first part */
    back_push();
    bed_expect_fault("not asked");
}

static void test_events(void **state)
{
    struct pv_net_meta meta;
    struct back_sent sent;
    uint32_t bytes;
    void *cookie;

    (void)state;
    bed_open();
    bed_post();
    assert_false(ops->rx_ask(bed.net));
    back_frame(bed.frame, 60, 0);
    assert_true(xen_backend_send(bed.rx_port));
    assert_true(ops->rx_ask(bed.net));
    assert_int_equal(bed_take(&bytes, &meta), 1);
    assert_false(ops->rx_ask(bed.net));
    assert_int_equal(bed.rx.sring->rsp_event, 2);
    assert_int_equal(bed.rx.sring->req_prod, RX_PAGES + 1u); /* the slot was posted again */
    assert_int_equal(bed_send(60, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_int_equal(xen_machine.channels[bed.tx_port].sent, 1);
    assert_false(ops->tx_ask(bed.net));
    assert_true(back_take(&sent));
    back_complete(sent.ids[0], 0);
    assert_true(ops->tx_ask(bed.net));
    assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_attach),         TEST(test_attach_plain),     TEST(test_receive),
        TEST(test_receive_parts),  TEST(test_receive_checksum), TEST(test_receive_without_buffers),
        TEST(test_dropped_frames), TEST(test_receive_large),    TEST(test_received_descriptions),
        TEST(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
