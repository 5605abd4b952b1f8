/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen network frontend sends; the test plays the backend. */
/* like: tests/unit/support/xen_net_bed.h */
#include "tests/unit/support/xen_net_bed.h"

static const struct pv_net_ops *const ops = &xen_net_ops;

static void test_transmit(void **state)
{
    static const uint32_t sizes[] = {14, 60, 1514, 4096, 4097, 9014, 65535};
    struct back_sent sent;
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned round = 0; round < 40; round++) {
        uint32_t bytes = sizes[round % 7u];

        assert_int_equal(bed_send(bytes, NULL, &sent), 0);
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

        bed_again();
        if (!cases[i].csum6)
            xen_store_put(XEN_NET_BACKEND, "feature-ipv6-csum-offload", NULL);
        bed_open();
        memcpy(bed.frame + 12, cases[i].type, 2);
        for (uint32_t bytes = 9001; bytes < 9003; bytes++) {
            assert_int_equal(bed_send(bytes, &meta, &bed), 0);
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
    assert_int_equal(bed_send(60000, &meta, &bed), 0);
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
    assert_int_equal(bed_send(60000, &meta, &bed), -EINVAL);
    meta.segment_bytes = 1448;
    meta.csum_partial = false;
    assert_int_equal(bed_send(60000, &meta, &bed), -EINVAL);
    meta.csum_partial = true;
    meta.gso = PV_NET_GSO_TCP6; /* not offered */
    assert_int_equal(bed_send(60000, &meta, &bed), -EINVAL);
    assert_int_equal(bed_send(60, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    back_complete(0, NETIF_RSP_NULL); /* there is no description any more */
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    bed_expect_fault("status");
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
    assert_int_equal(bed_send(13, NULL, &bed), -EINVAL);
    segments[0].bytes = segments[1].bytes = UINT32_MAX;
    assert_int_equal(ops->tx_post(bed.net, segments, 2, NULL, &bed), -EINVAL);
    segments[0] = (struct pv_segment){bed.frame, 65535};
    segments[1] = (struct pv_segment){bed.frame, 1};
    assert_int_equal(ops->tx_post(bed.net, segments, 2, NULL, &bed), -EINVAL);
    assert_int_equal(bed_send(100, &meta, &bed), 0);
    assert_int_equal(bed_send(99, &meta, &bed), -EINVAL);
    meta.csum_start = meta.csum_offset = 0xffff;
    assert_int_equal(bed_send(65535, &meta, &bed), -EINVAL);
    meta.csum_start = 4080;
    meta.csum_offset = 16;
    assert_int_equal(bed_send(65535, &meta, &bed), -EINVAL);
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

        while (bed_send(1514, NULL, &bed) == 0)
            count++;
        assert_int_equal(count, TX_PAGES);
        assert_int_equal(bed.net->tx_slots, TX_PAGES);
        assert_int_equal(bed_send(60, NULL, &bed), -EAGAIN);
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
    while (bed_send(6000, NULL, &bed) == 0)
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
        assert_int_equal(bed_send(i % 2u ? 20 + i : 8192 - i, NULL, &bed), 0);
        ops->tx_kick(bed.net);
        assert_true(back_take(&sent));
        for (unsigned j = 0; j < sent.parts; j++)
            back_complete(sent.ids[j], 0);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_transmit),
        TEST(test_transmit_segments),
        TEST(test_transmit_checksum),
        TEST(test_transmit_large),
        TEST(test_malformed_frames),
        TEST(test_full),
        TEST(test_identifiers_are_unique),
        TEST(test_nothing_of_an_earlier_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
