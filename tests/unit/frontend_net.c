/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio network frontend against a device that the test plays, honest and hostile. */
/* sources: pvabi/virtio/net.c pvabi/virtio/net_frames.c pvabi/virtio/attach.c */
/* sources: pvabi/virtio/virtqueue.c tests/unit/support/device.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/net_bed.h"

/* Takes a frame that came in one buffer. */
static int take(struct bed *bed, uint32_t *bytes, struct pv_net_meta *meta)
{
    struct pv_net_frame frame;
    int got = ops->rx_take(bed->net, &frame);

    if (got == 1) {
        assert_int_equal(frame.count, 1);
        assert_ptr_equal(frame.parts[0].cookie, bed);
        assert_int_equal(frame.parts[0].offset, bed->net->rx_headroom);
        if (frame.bytes)
            assert_int_equal(frame.parts[0].bytes, frame.bytes);
        *bytes = frame.bytes;
        *meta = frame.meta;
    }
    return got;
}

/* ---- an honest device --------------------------------------------------------------------- */

static void test_attach(void **state)
{
    static const uint8_t mac[6] = {2, 3, 4, 5, 6, 7};
    struct bed bed;

    (void)state;
    bed_open(&bed, ALL | VIRTIO_F_ANY_LAYOUT | 1ull << 10 | 1ull << 17);
    assert_int_equal(bed.device.accepted, ALL | VIRTIO_F_ANY_LAYOUT);
    assert_true(bed.device.driver_ok);
    assert_memory_equal(bed.net->mac, mac, 6);
    assert_int_equal(bed.net->mtu, 1400);
    assert_true(bed.net->tx_csum && bed.net->link_up);
    assert_int_equal(bed.net->rx_event, 10);
    assert_int_equal(bed.net->tx_event, 11);
    assert_int_equal(bed.net->config_event, 9);
    assert_false(bed.net->tx_tso4 || bed.net->tx_tso6);
    assert_int_equal(bed.net->rx_frame_max, 1400 + 14);
    assert_int_equal(bed.net->rx_slots, SIZE);
    assert_int_equal(bed.net->tx_slots, SIZE / (1u + bed.net->segments_max));
    assert_int_equal((bed.net->rx_headroom + 14u) % 16u, 0); /* the IP header's alignment */
    bed_close(&bed);
}

static void test_attach_plain(void **state)
{
    static const uint8_t none[6];
    struct bed bed;

    (void)state;
    bed_open(&bed, 0);
    assert_memory_equal(bed.net->mac, none, 6);
    assert_int_equal(bed.net->mtu, 1500);
    assert_true(bed.net->link_up);
    assert_false(bed.net->tx_csum);
    bed_close(&bed);
}

static void test_own_rings(void **state)
{
    struct bed bed;
    struct pv_net_meta meta;
    uint32_t bytes;
    uint16_t head;

    (void)state;
    bed_prepare(&bed, ALL);
    bed.device.driver_rings = true;
    assert_int_equal(bed_attach(&bed), 0);
    head = post_and_see(&bed);
    memset(device_buffer(bed.rx, head, 0), 0, 12);
    device_use(bed.rx, head, 12 + 60);
    assert_int_equal(take(&bed, &bytes, &meta), 1);
    assert_int_equal(bytes, 60);
    bed_close(&bed);
}

/* The header lies right before the frame, 12 or 10 bytes long, in one descriptor or two. */
static void test_receive(void **state)
{
    static const struct {
        uint64_t features;
        unsigned header_bytes, descriptors;
    } cases[] = {
        {ALL, 12, 1},
        {VIRTIO_F_ANY_LAYOUT, 10, 1},
        {0, 10, 2},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        struct pv_net_meta meta;
        uint32_t bytes, room = 0;
        uint16_t head;

        bed_open(&bed, cases[i].features);
        assert_int_equal(take(&bed, &bytes, &meta), 0);
        head = post_and_see(&bed);
        assert_int_equal(device_chain_length(bed.rx, head), cases[i].descriptors);
        for (unsigned j = 0; j < cases[i].descriptors; j++)
            room += device_desc(bed.rx, head, j)->bytes;
        assert_int_equal(room, BUFFER_BYTES - bed.net->rx_headroom + cases[i].header_bytes);
        assert_ptr_equal(device_buffer(bed.rx, head, 0),
                         bed.buffer + bed.net->rx_headroom - cases[i].header_bytes);
        memset(device_buffer(bed.rx, head, 0), 0, room - 1u);
        device_use(bed.rx, head, room);
        assert_int_equal(take(&bed, &bytes, &meta), 1);
        assert_int_equal(bytes, BUFFER_BYTES - bed.net->rx_headroom);
        assert_false(meta.csum_valid);
        bed_close(&bed);
    }
}

static void test_receive_checksum(void **state)
{
    static const struct {
        uint64_t features;
        uint8_t flags;
        bool valid;
    } cases[] = {
        {ALL, 0, false},
        {ALL, VIRTIO_NET_HDR_F_DATA_VALID, true},
        {ALL, VIRTIO_NET_HDR_F_NEEDS_CSUM, true},
        {ALL & ~VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_HDR_F_DATA_VALID, false},
        {ALL, 0x80, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        struct pv_net_meta meta;
        struct virtio_net_header header = {.flags = cases[i].flags, .num_buffers = 0xffff};
        uint32_t bytes;
        uint16_t head;

        bed_open(&bed, cases[i].features);
        head = post_and_see(&bed);
        memcpy(device_buffer(bed.rx, head, 0), &header, sizeof(header));
        device_use(bed.rx, head, 12 + 60);
        assert_int_equal(take(&bed, &bytes, &meta), 1);
        assert_int_equal(bytes, 60);
        assert_int_equal(meta.csum_valid, cases[i].valid);
        bed_close(&bed);
    }
}

/* A device that has something of ours may have missed that. */
static void test_lost_doorbells(void **state)
{
    struct bed bed;
    unsigned received;

    (void)state;
    bed_open(&bed, ALL);
    received = bed.rx->notified;
    ops->refresh(bed.net);
    assert_int_equal(bed.rx->notified, received);
    assert_int_equal(bed.tx->notified, 0);
    (void)post_and_see(&bed);
    received = bed.rx->notified;
    ops->refresh(bed.net);
    assert_int_equal(bed.rx->notified, received + 1);
    assert_int_equal(bed.tx->notified, 0);
    assert_int_equal(send(&bed, NULL), 0);
    ops->tx_kick(bed.net);
    ops->refresh(bed.net);
    assert_int_equal(bed.rx->notified, received + 2);
    assert_int_equal(bed.tx->notified, 2);
    bed_close(&bed);
}

static void test_transmit(void **state)
{
    static const unsigned header_bytes[] = {12, 10};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct bed bed;
        struct pv_net_meta meta = {.csum_partial = true, .csum_start = 34, .csum_offset = 16};
        const struct virtio_net_header *header;
        uint16_t head;
        void *cookie;

        bed_open(&bed, i == 0 ? ALL : VIRTIO_NET_F_CSUM);
        assert_int_equal(send(&bed, &meta), 0);
        assert_int_equal(send(&bed, NULL), 0);
        ops->tx_kick(bed.net);
        assert_int_equal(bed.tx->notified, 1);
        assert_true(device_next(bed.tx, &head));
        assert_int_equal(device_chain_length(bed.tx, head), 3);
        assert_int_equal(device_desc(bed.tx, head, 0)->bytes, header_bytes[i]);
        assert_ptr_equal(device_buffer(bed.tx, head, 2), bed.buffer + 14);
        for (unsigned j = 0; j < 3; j++)
            assert_false(device_desc(bed.tx, head, j)->flags & VIRTQ_DESC_WRITE);
        header = device_buffer(bed.tx, head, 0);
        assert_int_equal(header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        assert_int_equal(header->gso_type, 0);
        assert_int_equal(header->csum_start, 34);
        assert_int_equal(header->csum_offset, 16);
        device_use(bed.tx, head, 0);
        assert_true(device_next(bed.tx, &head));
        header = device_buffer(bed.tx, head, 0);
        assert_int_equal(header->flags, 0);
        assert_int_equal(header->csum_start, 0);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
        assert_ptr_equal(cookie, &bed);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
        assert_int_equal(send(&bed, NULL), 0); /* in the place of the first */
        ops->tx_kick(bed.net);
        assert_true(device_next(bed.tx, &head));
        header = device_buffer(bed.tx, head, 0);
        assert_int_equal(header->flags, 0);
        bed_close(&bed);
    }
}

static void test_malformed_frames(void **state)
{
    struct bed bed;
    struct pv_net_meta meta = {.csum_partial = true, .csum_start = 84, .csum_offset = 14};
    struct pv_segment segments[8];

    (void)state;
    bed_open(&bed, ALL);
    for (unsigned i = 0; i < 8; i++)
        segments[i] = (struct pv_segment){bed.buffer, 20};
    assert_int_equal(ops->tx_post(bed.net, segments, 0, NULL, &bed), -EINVAL);
    assert_int_equal(ops->tx_post(bed.net, segments, bed.net->segments_max + 1u, NULL, &bed),
                     -EINVAL);
    segments[0].bytes = 13;
    assert_int_equal(ops->tx_post(bed.net, segments, 1, NULL, &bed), -EINVAL);
    segments[0].bytes = 0;
    assert_int_equal(ops->tx_post(bed.net, segments, 2, NULL, &bed), -EINVAL);
    assert_int_equal(send(&bed, &meta), 0); /* the last place inside a frame of 100 bytes */
    meta.csum_offset++;
    assert_int_equal(send(&bed, &meta), -EINVAL);
    meta = (struct pv_net_meta){.csum_partial = true, .csum_start = 0xffff, .csum_offset = 0xffff};
    assert_int_equal(send(&bed, &meta), -EINVAL);
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, bed.net->rx_headroom + 13u, &bed), -EINVAL);
    bed_close(&bed);

    bed_open(&bed, ALL & ~VIRTIO_NET_F_CSUM);
    meta = (struct pv_net_meta){.csum_partial = true, .csum_start = 34, .csum_offset = 16};
    assert_int_equal(send(&bed, &meta), -EINVAL);
    bed_close(&bed);
}

static void test_full(void **state)
{
    struct bed bed;
    struct pv_segment segments[8];
    unsigned sent = 0;

    (void)state;
    bed_open(&bed, ALL);
    for (unsigned i = 0; i < bed.net->rx_slots; i++)
        assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), 0);
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), -EAGAIN);
    for (unsigned i = 0; i < 8; i++)
        segments[i] = (struct pv_segment){bed.buffer, 64};
    while (ops->tx_post(bed.net, segments, bed.net->segments_max, NULL, &bed) == 0)
        sent++;
    assert_int_equal(sent, bed.net->tx_slots);
    assert_int_equal(ops->tx_post(bed.net, segments, bed.net->segments_max, NULL, &bed), -EAGAIN);
    bed_close(&bed);
}

/* ---- a hostile device --------------------------------------------------------------------- */

static void test_short_and_segmented_frames(void **state)
{
    static const struct {
        uint32_t bytes;
        uint8_t gso_type;
    } cases[] = {{0, 0}, {1, 0}, {11, 0}, {12, 0}, {25, 0}, {72, 1}, {72, 4}, {72, 0x80}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        struct pv_net_meta meta;
        struct virtio_net_header header = {.gso_type = cases[i].gso_type, .flags = 2};
        uint32_t bytes = 1;
        uint16_t head;

        bed_open(&bed, ALL);
        head = post_and_see(&bed);
        memcpy(device_buffer(bed.rx, head, 0), &header, sizeof(header));
        device_use(bed.rx, head, cases[i].bytes);
        assert_int_equal(take(&bed, &bytes, &meta), 1);
        assert_int_equal(bytes, 0); /* dropped, and the device stays in service */
        assert_false(meta.csum_valid);
        assert_null(bed.net->fault);
        post_and_see(&bed);
        bed_close(&bed);
    }
}

static void expect_refused(struct bed *bed, const char *words)
{
    assert_int_equal(bed_attach(bed), -EIO);
    assert_false(bed->device.driver_ok);
    expect_fault(bed, words);
}

static void test_refused(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed, ALL);
    bed.device.refuses = true;
    expect_refused(&bed, "negotiation");
    bed_prepare(&bed, ALL);
    bed.device.breaks_set_up = true;
    expect_refused(&bed, "set-up");
    bed_prepare(&bed, ALL);
    bed.device.restless = true;
    expect_refused(&bed, "come to rest");
    bed_prepare(&bed, ALL);
    device_queue_close(bed.tx);
    expect_refused(&bed, "queue");
    bed_prepare(&bed, ALL);
    device_queue_close(bed.rx);
    device_queue_open(bed.rx, 1);
    expect_refused(&bed, "queue");
}

static void test_odd_configuration(void **state)
{
    static const uint8_t none[6];
    struct bed bed;

    (void)state;
    bed_prepare(&bed, ALL);
    memset(bed.device.config, 0xff, sizeof(bed.device.config)); /* a broadcast address */
    config_of(&bed)->mtu = 67;
    assert_int_equal(bed_attach(&bed), 0);
    assert_memory_equal(bed.net->mac, none, 6);
    assert_int_equal(bed.net->mtu, 1500);
    bed_close(&bed);

    bed_prepare(&bed, ALL);
    bed.device.config_bytes = 8; /* ends before the MTU */
    assert_int_equal(bed_attach(&bed), 0);
    assert_int_equal(bed.net->mtu, 1500);
    bed_close(&bed);
}

static void test_ring_abuse(void **state)
{
    struct bed bed;
    struct pv_net_meta meta;
    uint32_t bytes;
    uint16_t head;
    void *cookie;

    (void)state;
    bed_open(&bed, ALL);
    head = post_and_see(&bed);
    device_use(bed.rx, head, BUFFER_BYTES - bed.net->rx_headroom + 12u + 1u);
    expect_fault(&bed, "used length");

    bed_open(&bed, ALL);
    head = post_and_see(&bed);
    post_and_see(&bed);
    device_use(bed.rx, head, 72);
    device_use(bed.rx, head, 72);
    assert_int_equal(take(&bed, &bytes, &meta), 1);
    expect_fault(&bed, "used id");

    bed_open(&bed, ALL);
    post_and_see(&bed);
    send(&bed, NULL);
    ops->tx_kick(bed.net);
    assert_true(device_next(bed.tx, &head));
    device_use(bed.tx, head, 1); /* wrote into a frame that it may only read */
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    expect_fault(&bed, "used length");

    bed_open(&bed, ALL);
    send(&bed, NULL);
    ops->tx_kick(bed.net);
    bed.tx->used->idx = 0x8000;
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    expect_fault(&bed, "used index");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach),
        cmocka_unit_test(test_attach_plain),
        cmocka_unit_test(test_own_rings),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_receive_checksum),
        cmocka_unit_test(test_lost_doorbells),
        cmocka_unit_test(test_transmit),
        cmocka_unit_test(test_malformed_frames),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_short_and_segmented_frames),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_odd_configuration),
        cmocka_unit_test(test_ring_abuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
