/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio network frontend's merged receive buffers, large frames and configuration changes,
 * against a device that the test plays, honest and hostile.
 */
/* sources: pvabi/virtio/net.c pvabi/virtio/net_frames.c pvabi/virtio/attach.c */
/* sources: pvabi/virtio/virtqueue.c tests/unit/support/device.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/net_bed.h"

#define RING 64u
#define GUEST_TSO (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)
#define HOST_TSO (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6)
#define LARGE (ALL | VIRTIO_NET_F_MRG_RXBUF | GUEST_TSO | HOST_TSO)

static void open_large(struct bed *bed, uint64_t features)
{
    bed_prepare_sized(bed, features, RING);
    assert_int_equal(bed_attach(bed), 0);
}

/* Posts `count` buffers; their heads, in order. */
static void post(struct bed *bed, unsigned count, uint32_t bytes, uint16_t *heads)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(ops->rx_post(bed->net, bed->buffer, bytes, &heads[i]), 0);
    ops->rx_kick(bed->net);
    for (unsigned i = 0; i < count; i++)
        assert_true(device_next(bed->rx, &heads[i]));
}

static void put_header(struct bed *bed, uint16_t head, struct virtio_net_header header)
{
    memcpy(device_buffer(bed->rx, head, 0), &header, sizeof(header));
}

/* ---- features ----------------------------------------------------------------------------- */

/* Features that need others, or a ring of some length, are not accepted without. */
static void test_features(void **state)
{
    static const struct {
        uint64_t offered, accepted;
        uint16_t size;
    } cases[] = {
        {LARGE, LARGE, RING},
        {LARGE, LARGE & ~GUEST_TSO, RING / 2},
        {LARGE & ~VIRTIO_NET_F_CSUM, LARGE & ~VIRTIO_NET_F_CSUM & ~HOST_TSO, RING},
        {LARGE & ~VIRTIO_NET_F_GUEST_CSUM, LARGE & ~VIRTIO_NET_F_GUEST_CSUM & ~GUEST_TSO, RING},
        {LARGE & ~VIRTIO_NET_F_MRG_RXBUF, LARGE & ~VIRTIO_NET_F_MRG_RXBUF & ~GUEST_TSO, RING},
        {LARGE & ~VIRTIO_F_VERSION_1,
         LARGE & ~VIRTIO_F_VERSION_1 & ~VIRTIO_NET_F_MRG_RXBUF & ~GUEST_TSO, RING},
        {(LARGE & ~VIRTIO_F_VERSION_1) | VIRTIO_F_ANY_LAYOUT,
         (LARGE & ~VIRTIO_F_VERSION_1) | VIRTIO_F_ANY_LAYOUT, RING},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        bool large = cases[i].accepted & GUEST_TSO;

        bed_prepare_sized(&bed, cases[i].offered, cases[i].size);
        assert_int_equal(bed_attach(&bed), 0);
        assert_true(bed.device.accepted == cases[i].accepted);
        assert_int_equal(bed.net->tx_tso4, (cases[i].accepted & VIRTIO_NET_F_HOST_TSO4) != 0);
        assert_int_equal(bed.net->tx_tso6, (cases[i].accepted & VIRTIO_NET_F_HOST_TSO6) != 0);
        assert_int_equal(bed.net->rx_frame_max, large ? 14 + 65535 : 14 + 1400);
        bed_close(&bed);
    }
}

/* ---- receive ------------------------------------------------------------------------------ */

/* Legacy devices have a header of 12 bytes, too, once buffers are merged. */
static void test_merged(void **state)
{
    static const uint64_t features[] = {LARGE, (LARGE & ~VIRTIO_F_VERSION_1) | VIRTIO_F_ANY_LAYOUT};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct bed bed;
        struct pv_net_frame frame;
        uint16_t heads[3];
        uint32_t room = BUFFER_BYTES - 18 + 12;

        open_large(&bed, features[i]);
        post(&bed, 3, BUFFER_BYTES, heads);
        assert_int_equal(device_desc(bed.rx, heads[0], 0)->bytes, room);
        put_header(&bed, heads[0],
                   (struct virtio_net_header){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                              .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                              .gso_bytes = 1460,
                                              .num_buffers = 3});
        device_use(bed.rx, heads[0], room);
        device_use(bed.rx, heads[1], room);
        device_use(bed.rx, heads[2], 1);
        assert_int_equal(ops->rx_take(bed.net, &frame), 1);
        assert_int_equal(frame.count, 3);
        assert_int_equal(frame.bytes, 2 * room - 12 + 1);
        for (unsigned j = 0; j < 3; j++)
            assert_ptr_equal(frame.parts[j].cookie, &heads[j]);
        assert_int_equal(frame.parts[0].offset, 18);
        assert_int_equal(frame.parts[0].bytes, room - 12);
        assert_int_equal(frame.parts[1].offset, 6);
        assert_int_equal(frame.parts[1].bytes, room);
        assert_int_equal(frame.parts[2].bytes, 1);
        assert_int_equal(frame.meta.gso, PV_NET_GSO_TCP4);
        assert_int_equal(frame.meta.segment_bytes, 1460);
        assert_true(frame.meta.csum_valid);
        assert_int_equal(ops->rx_take(bed.net, &frame), 0);
        bed_close(&bed);
    }
}

/* A kind that was not negotiated is dropped, with all its buffers. */
static void test_kinds(void **state)
{
    static const struct {
        uint64_t features;
        uint8_t type;
        uint16_t gso_bytes;
        int gso; /* -1: dropped */
    } cases[] = {
        {LARGE, VIRTIO_NET_HDR_GSO_TCPV4, 1, PV_NET_GSO_TCP4},
        {LARGE, VIRTIO_NET_HDR_GSO_TCPV6, 1, PV_NET_GSO_TCP6},
        {LARGE, VIRTIO_NET_HDR_GSO_NONE, 0, PV_NET_GSO_NONE},
        {LARGE, VIRTIO_NET_HDR_GSO_TCPV4, 0, -1},
        {LARGE, 3, 1, -1},
        {LARGE, VIRTIO_NET_HDR_GSO_TCPV4 | 0x80, 1, -1},
        {LARGE & ~VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_HDR_GSO_TCPV4, 1, -1},
        {LARGE & ~VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_HDR_GSO_TCPV6, 1, -1},
        {LARGE & ~GUEST_TSO, VIRTIO_NET_HDR_GSO_TCPV4, 1, -1},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        struct pv_net_frame frame;
        uint16_t heads[2];

        open_large(&bed, cases[i].features);
        post(&bed, 2, 100, heads);
        put_header(&bed, heads[0],
                   (struct virtio_net_header){.gso_type = cases[i].type,
                                              .gso_bytes = cases[i].gso_bytes,
                                              .num_buffers = 2});
        device_use(bed.rx, heads[0], 94);
        device_use(bed.rx, heads[1], 94);
        assert_int_equal(ops->rx_take(bed.net, &frame), 1);
        assert_int_equal(frame.count, 2);
        assert_ptr_equal(frame.parts[1].cookie, &heads[1]);
        assert_int_equal(frame.bytes, cases[i].gso < 0 ? 0 : 176);
        if (cases[i].gso >= 0)
            assert_int_equal(frame.meta.gso, cases[i].gso);
        assert_null(bed.net->fault);
        bed_close(&bed);
    }
}

/* ---- a hostile device --------------------------------------------------------------------- */

static void expect_chain_fault(uint16_t num_buffers, unsigned used, uint32_t last_bytes,
                               const char *words)
{
    struct bed bed;
    uint16_t heads[RING];

    open_large(&bed, LARGE);
    post(&bed, RING, BUFFER_BYTES, heads);
    put_header(&bed, heads[0], (struct virtio_net_header){.num_buffers = num_buffers});
    for (unsigned i = 0; i < used; i++)
        device_use(bed.rx, heads[i], i + 1 < used ? BUFFER_BYTES - 6 : last_bytes);
    expect_fault(&bed, words);
}

static void test_chain_abuse(void **state)
{
    (void)state;
    expect_chain_fault(0, 1, 100, "no buffer");
    expect_chain_fault(0xffff, 3, 100, "too many");
    expect_chain_fault(PV_NET_PARTS_MAX + 1, 3, 100, "too many");
    expect_chain_fault(3, 2, 100, "not all come");
    expect_chain_fault(3, 3, 0, "empty buffer");
    expect_chain_fault(3, 3, BUFFER_BYTES - 5, "used length");
    expect_chain_fault(42, 42, 1000, "more than 64 KiB");
}

/* ---- transmit ----------------------------------------------------------------------------- */

static void test_transmit(void **state)
{
    struct bed bed;
    struct pv_net_meta meta = {.csum_partial = true,
                               .csum_start = 34,
                               .csum_offset = 16,
                               .gso = PV_NET_GSO_TCP6,
                               .header_bytes = 54,
                               .segment_bytes = 20};
    const struct virtio_net_header *header;
    uint16_t head;

    (void)state;
    open_large(&bed, LARGE);
    assert_true(bed.net->segments_max >= 46);
    assert_int_equal(send(&bed, &meta), 0);
    ops->tx_kick(bed.net);
    assert_true(device_next(bed.tx, &head));
    header = device_buffer(bed.tx, head, 0);
    assert_int_equal(header->gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
    assert_int_equal(header->gso_bytes, 20);
    assert_int_equal(header->hdr_bytes, 54);
    assert_int_equal(header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    bed_close(&bed);
}

static void test_malformed(void **state)
{
    static const struct pv_net_meta good = {.csum_partial = true,
                                            .csum_start = 34,
                                            .csum_offset = 16,
                                            .gso = PV_NET_GSO_TCP4,
                                            .header_bytes = 54,
                                            .segment_bytes = 20};
    static uint8_t much[65536];
    struct pv_segment segments[2] = {{much, 14}, {much, 65535}};
    struct pv_net_meta meta = good;
    struct bed bed;

    (void)state;
    open_large(&bed, LARGE);
    assert_int_equal(send(&bed, &meta), 0);
    meta.segment_bytes = 0;
    assert_int_equal(send(&bed, &meta), -EINVAL);
    meta = good;
    meta.header_bytes = 13;
    assert_int_equal(send(&bed, &meta), -EINVAL);
    meta.header_bytes = 100; /* all of it */
    assert_int_equal(send(&bed, &meta), -EINVAL);
    meta = good;
    meta.csum_partial = false;
    assert_int_equal(send(&bed, &meta), -EINVAL);
    meta = good;
    meta.gso = 3;
    assert_int_equal(send(&bed, &meta), -EINVAL);
    meta = good;
    assert_int_equal(ops->tx_post(bed.net, segments, 2, &meta, &bed), 0);
    segments[1].bytes++;
    assert_int_equal(ops->tx_post(bed.net, segments, 2, &meta, &bed), -EINVAL);
    bed_close(&bed);

    open_large(&bed, LARGE & ~VIRTIO_NET_F_HOST_TSO4);
    assert_int_equal(send(&bed, &meta), -EINVAL);
    meta.gso = PV_NET_GSO_TCP6;
    assert_int_equal(send(&bed, &meta), 0);
    bed_close(&bed);
}

/* ---- the configuration -------------------------------------------------------------------- */

static void test_refresh(void **state)
{
    struct bed bed;

    (void)state;
    open_large(&bed, LARGE);
    assert_true(bed.net->link_up);
    config_of(&bed)->status = 0;
    config_of(&bed)->mtu = 900;
    assert_true(bed.net->link_up); /* nobody has asked */
    ops->refresh(bed.net);
    assert_false(bed.net->link_up);
    assert_int_equal(bed.net->mtu, 1400);
    config_of(&bed)->status = VIRTIO_NET_S_LINK_UP;
    ops->refresh(bed.net);
    assert_true(bed.net->link_up);
    /* One that does not come to rest is left for the next time. */
    config_of(&bed)->status = 0;
    bed.device.restless = true;
    ops->refresh(bed.net);
    assert_true(bed.net->link_up);
    assert_null(bed.net->fault);
    /* And one that has vanished. */
    bed.device.restless = false;
    bed.device.gone = true;
    ops->refresh(bed.net);
    assert_string_equal(bed.net->fault, "the device is gone");
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features), cmocka_unit_test(test_merged),
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_chain_abuse),
        cmocka_unit_test(test_transmit), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_refresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
