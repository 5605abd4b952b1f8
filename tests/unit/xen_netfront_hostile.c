/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen network frontend against a backend that the test plays: one that goes, comes back after a
 * restore, never comes, or lies. */
/* like: tests/unit/support/xen_net_bed.h */
#include "tests/unit/support/xen_net_bed.h"

static const struct pv_net_ops *const ops = &xen_net_ops;

/* ---- closing and restoring ---------------------------------------------------------------- */

static void test_backend_closes_in_mid_transfer(void **state)
{
    (void)state;
    bed_open();
    bed_post();
    assert_int_equal(bed_send(60, NULL, &bed), 0);
    back_part(bed.frame, 0, 60, NETRXF_more_data);
    back_push();
    xen_store_set(XEN_NET_BACKEND "/state", "5");
    xen_store_deliver();
    assert_true(xen_event_taken(bed.net->rx_event));
    bed_expect_fault("closes");
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
    bed_post();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(bed_send(5000, NULL, &frames[i]), 0);
    ops->tx_kick(bed.net);
    xen_machine_restore(XEN_NET_BACKEND, "2");
    xen_machine.channels[2].open = xen_machine.channels[3].open = true;
    assert_true(xen_event_taken(event));
    ops->refresh(bed.net); /* down once, so that it is announced */
    assert_true(!bed.net->link_up && xen_event_taken(bed.net->config_event));
    ops->refresh(bed.net);
    assert_true(bed.net->link_up);
    assert_true(xen_event_taken(bed.net->tx_event));     /* frames may wait */
    assert_int_equal(bed_send(60, NULL, &bed), -EAGAIN); /* first the lost ones are taken back */
    back_connect();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
    assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
    assert_int_equal(bed.net->rx_event, event);
    assert_int_equal(xen_machine.channels[bed.rx_port].event, event);
    back_frame(bed.frame, 99, 0); /* into the buffer that was posted before */
    assert_int_equal(bed_take(&bytes, &meta), 1);
    assert_int_equal(bytes, 99);
    assert_int_equal(bed_send(60, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    assert_int_equal(sent.bytes, 60);
}

static void restore_without(const char *const *features, unsigned count)
{
    void *cookie;

    for (unsigned i = 0; i < count; i++)
        xen_store_put(XEN_NET_BACKEND, features[i], NULL);
    xen_store_put(XEN_NET_BACKEND, "feature-no-csum-offload", "1");
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xen_store_put(XEN_NET_BACKEND, "state", "2");
    xenbus_restored();
    ops->refresh(bed.net);
    back_connect();
    while (ops->tx_take(bed.net, &cookie) == 1)
        ;
    memset(xen_machine.raised, 0, sizeof(xen_machine.raised));
}

/* Another host's backend offers less than the one before. What waits to be sent for the old offer is
 * lost, one at a time, and comes back; the device goes on, and completes checksums itself. */
static void test_restore_offers_less(void **state)
{
    static const char *const features[] = {"feature-sg", "feature-gso-tcpv4"};
    struct pv_net_meta large = {.csum_partial = true,
                                .gso = PV_NET_GSO_TCP4,
                                .csum_start = 34,
                                .csum_offset = 16,
                                .header_bytes = 54,
                                .segment_bytes = 1448};
    struct pv_net_meta partial = {.csum_partial = true, .csum_start = 34, .csum_offset = 16};
    struct back_sent sent, none;
    int frames[2];
    void *cookie;

    (void)state;
    bed_open();
    memcpy(bed.frame + 12, (uint8_t[]){0x08, 0x00}, 2);
    assert_true(bed.net->tx_csum && bed.net->tx_tso4);
    restore_without(features, 2);
    assert_true(bed.net->tx_csum && !bed.net->tx_tso4);
    assert_int_equal(bed_send(100, &partial, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    assert_int_equal(sent.bytes, 100);
    assert_int_equal(sent.flags & (NETTXF_csum_blank | NETTXF_data_validated), 0);
    assert_memory_not_equal(bed.sent + 50, bed.frame + 50, 2);
    for (unsigned i = 0; i < 2; i++) {
        bool is_large = i == 0; /* or only more than a page */

        assert_int_equal(bed_send(is_large ? 3000 : 5000, is_large ? &large : NULL, &frames[i]), 0);
        assert_true(xen_event_taken(bed.net->tx_event));
        assert_int_equal(bed_send(5000, NULL, &bed), -EAGAIN);
        assert_true(ops->tx_ask(bed.net));
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
        assert_ptr_equal(cookie, &frames[i]);
    }
    assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
    assert_false(back_take(&none));
    back_complete(sent.ids[0], 0);
    assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
    assert_null(bed.net->fault);
    large.segment_bytes = 0; /* what no backend ever took is still the caller's mistake */
    assert_int_equal(bed_send(3000, &large, &bed), -EINVAL);
}

/* As many as there can be: a ring full of frames, one that was lost, and then a restore. */
static void test_restore_full(void **state)
{
    static const char *const features[] = {"feature-sg"};
    unsigned count = 0;
    void *cookie;

    (void)state;
    bed_open();
    restore_without(features, 1);
    while (bed_send(60, NULL, &bed) == 0)
        count++;
    assert_int_equal(count, TX_PAGES);
    assert_int_equal(bed_send(5000, NULL, &bed), 0);
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xen_store_put(XEN_NET_BACKEND, "state", "2");
    xenbus_restored();
    ops->refresh(bed.net);
    for (count = 0; ops->tx_take(bed.net, &cookie) == 1; count++)
        assert_ptr_equal(cookie, &bed);
    assert_int_equal(count, TX_PAGES + 1);
}

/* Until the backend has connected: the link is down, frames wait, nobody spins. */
static void test_restore_takes_time(void **state)
{
    struct pv_net_frame frame;
    void *cookie;

    (void)state;
    bed_open();
    bed_post();
    xen_machine.backend_passive = true;
    xen_machine_restore(XEN_NET_BACKEND, "2");
    assert_int_equal(ops->rx_take(bed.net, &frame), 0);
    assert_int_equal(ops->tx_take(bed.net, &cookie), 0);
    assert_int_equal(bed_send(60, NULL, &bed), -EAGAIN);
    bed_post();
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
    assert_int_equal(bed_send(60, NULL, &bed), 0);
}

/* XSA-465: a backend that goes away right after a restore, before the device connected anew. */
static void test_restore_and_close(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(bed_send(60, NULL, &bed), 0);
    xen_machine_restore(XEN_NET_BACKEND, NULL);
    xen_store_put(XEN_NET_BACKEND, "state", "5");
    xen_store_deliver();
    bed_expect_fault("closes");
}

/* ---- a hostile backend -------------------------------------------------------------------- */

static void test_refused(void **state)
{
    (void)state;
    xen_store_put(XEN_NET_BACKEND, "feature-rx-copy", NULL);
    assert_int_equal(bed_attach(), -EIO);
    bed_expect_fault("does not copy");
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
        bed_again();
        xen_store_put(XEN_HOME XEN_NET_PATH, "mac", macs[i]);
        xen_store_put(XEN_HOME XEN_NET_PATH, "mtu", mtus[i]);
        bed_open();
        assert_memory_equal(bed.net->mac, none, 6);
        assert_int_equal(bed.net->mtu, 1500);
    }
    bed_again();
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
        bed_again();
        bed_open();
        bed_post();
        memset(bed.buffer, 0x55, BUFFER_BYTES);
        back_respond(cases[i].id, cases[i].offset, cases[i].flags, cases[i].status);
        back_push();
        bed_expect_fault(cases[i].words);
        for (unsigned j = 0; j < BUFFER_BYTES; j++)
            assert_int_equal(bed.buffer[j], 0x55);
    }
}

static void test_received_frame_without_end(void **state)
{
    (void)state;
    bed_open();
    bed_post();
    for (unsigned i = 0; i < 18; i++)
        back_part(bed.frame, 0, 60, NETRXF_more_data);
    back_push();
    bed_expect_fault("too many parts");
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

        bed_again();
        bed_open();
        assert_int_equal(bed_send(60, NULL, &bed), 0);
        ops->tx_kick(bed.net);
        assert_true(back_take(&sent));
        back_complete((uint16_t)(sent.ids[0] + cases[i].id), cases[i].status);
        assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
        bed_expect_fault(cases[i].words);
    }
}

static void test_same_answer_twice(void **state)
{
    struct back_sent sent;
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(bed_send(9000, NULL, &bed), 0);
    ops->tx_kick(bed.net);
    assert_true(back_take(&sent));
    back_complete(sent.ids[1], 0);
    back_complete(sent.ids[1], 0);
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    bed_expect_fault("id");
}

static void test_overrun(void **state)
{
    static const uint32_t jumps[] = {1, 256, 0x80000000u, UINT32_MAX};
    void *cookie;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bed_again();
        bed_open();
        bed_post();
        bed.rx.sring->rsp_prod = RX_PAGES + jumps[i] + (i == 3 ? 0 - RX_PAGES : 0);
        bed_expect_fault("more received");
        bed_again();
        bed_open();
        bed.tx.sring->rsp_prod = jumps[i];
        assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
        bed_expect_fault("more sent");
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
    bed_post();
    back_frame(bed.frame, 1000, 0);
    assert_int_equal(bed_take(&bytes, &meta), 1);
    for (uint32_t ref = 0; ref < 8192; ref++)
        if (xen_granted(ref, true) != NULL && ref != front_number("rx-ring-ref") &&
            ref != front_number("tx-ring-ref"))
            memset(xen_granted(ref, true), 0xff, XEN_PAGE_BYTES);
    memset(bed.rx.sring->ring, 0xff, XEN_PAGE_BYTES - 64u);
    assert_memory_equal(bed.buffer + bed.net->rx_headroom, bed.frame, bytes);
    assert_int_equal(bed_send(60, NULL, &bed), 0);
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

        bed_again();
        if (i == 2)
            xen_store_put(XEN_NET_BACKEND, "feature-split-event-channels", NULL);
        bed_open();
        bed_post();
        port = i == 1 ? bed.tx_port : bed.rx_port;
        while (looks < 5000 && !(i == 1 ? ops->tx_ask(bed.net) : ops->rx_ask(bed.net))) {
            for (unsigned j = 0; j < 10; j++)
                upcalls += xen_backend_send(port);
            looks++;
        }
        assert_true(looks < 2000 && upcalls <= looks);
        bed_expect_fault("events");
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

        assert_int_equal(bed_send(60, NULL, &bed), 0);
        ops->tx_kick(bed.net);
        assert_true(back_take(&sent));
        back_complete(sent.ids[0], 0);
        xen_backend_send(bed.rx_port);
        assert_int_equal(ops->tx_take(bed.net, &cookie), 1);
        assert_int_equal(bed_take(&bytes, &meta), 0);
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
    bed_post();
    ref = RING_GET_REQUEST(&bed.rx, 0)->gref;
    xen_hold(ref);
    xen_hold(front_number("tx-ring-ref"));
    back_respond(77, 0, 0, 60);
    back_push();
    bed_expect_fault("id");
    assert_int_equal(xen_grant_counters.leaked, 2);
    assert_non_null(xen_granted(ref, true));
}

/* XSA-403: whole pages of the frontend's own, clean before their first use. */
static void test_nothing_else_is_granted(void **state)
{
    (void)state;
    bed_open();
    bed_post();
    assert_int_equal(bed_send(60, NULL, &bed), 0);
    xen_bed_expect_own_pages(bed.memory, ops->memory_bytes(bed.device), 2048);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backend_closes_in_mid_transfer),
        TEST(test_restore),
        TEST(test_restore_offers_less),
        TEST(test_restore_full),
        TEST(test_restore_takes_time),
        TEST(test_restore_and_close),
        TEST(test_never_connects),
        TEST(test_no_channels),
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
