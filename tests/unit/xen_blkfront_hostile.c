/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen block frontend against a backend that the test plays: one that goes, comes back after a
 * restore, never comes, or lies. */
/* like: tests/unit/support/xen_blk_bed.h */
#include "tests/unit/support/xen_blk_bed.h"

static const struct pv_blk_ops *const ops = &xen_blk_ops;

/* ---- closing and restoring ---------------------------------------------------------------- */

static void test_backend_closes_in_mid_transfer(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    assert_false(ops->ask(bed.blk));
    xen_store_set(XEN_BLK_BACKEND "/state", "5");
    xen_store_deliver();
    assert_true(xen_event_taken(bed.blk->event)); /* whoever waits is woken */
    bed_expect_fault("closes");
    assert_int_equal(xen_store_number(XEN_HOME XEN_BLK_PATH "/state"), 6);
    assert_int_equal(xen_grant_counters.leaked, 0);
}

static void test_backend_vanishes(void **state)
{
    (void)state;
    bed_open();
    xen_store_set(XEN_BLK_BACKEND "/state", NULL);
    xen_store_deliver();
    assert_true(xen_event_taken(bed.blk->event));
    bed_expect_fault("closes");
}

/* What was in flight is asked for anew, of a backend that knows nothing of it. */
static void test_restore(void **state)
{
    uint32_t old_port;
    void *cookie;
    unsigned event;

    (void)state;
    bed_open();
    old_port = bed.port;
    event = bed.blk->event;
    bed_fill(bed.data, DATA_BYTES, 1);
    bed_fill(bed_disk, sizeof(bed_disk), 2);
    assert_int_equal(bed_submit(PV_BLK_WRITE, 0, bed.data, 128u * 1024u, bed.data), 0);
    ops->kick(bed.blk);
    assert_int_equal(bed_submit(PV_BLK_READ, 512, bed.data + 128u * 1024u, 512, bed_disk),
                     0); /* no kick */

    xen_store_put(XEN_HOME XEN_BLK_PATH, "state", "1");
    xen_machine_restore(XEN_BLK_BACKEND, "2");
    xen_machine.channels[2].open = true; /* ports come out differently */
    assert_true(xen_event_taken(event));
    xen_machine.backend_passive = true;
    assert_int_equal(bed_take(&cookie), 1); /* it has not connected */
    assert_int_equal(bed_submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    xen_store_put(XEN_BLK_BACKEND, "state", "4");
    xen_store_deliver();
    assert_true(xen_event_taken(event));
    assert_int_equal(bed_take(&cookie), 1);
    back_connect();
    assert_int_not_equal(bed.port, old_port);
    assert_int_equal(xen_machine.channels[bed.port].event, event);
    assert_int_equal(back_serve(), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(bed_take(&cookie), 0);
    assert_int_equal(bed_take(&cookie), 1);
    assert_memory_equal(bed_disk, bed.data, 128u * 1024u);
    assert_memory_equal(bed_disk + 512u * 512u, bed.data + 128u * 1024u, 512);
}

static void test_restore_to_nothing(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    xen_machine_restore(XEN_BLK_BACKEND, NULL); /* the backend is still connected, or so it says */
    assert_int_equal(bed_take(&cookie), 1);
    assert_false(ops->ask(bed.blk));
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0); /* waits with the other */
    ops->kick(bed.blk);
    xen_machine.now_ns += 11000000000u;
    bed_expect_fault("does not connect");
}

static void test_restore_to_less(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_WRITE, 0, bed.data, 128u * 1024u, bed.data), 0);
    xen_store_put(XEN_BLK_BACKEND, "feature-max-indirect-segments", NULL);
    xen_machine_restore(XEN_BLK_BACKEND, "2");
    bed_expect_fault("takes less");
}

/* What was in flight has no room in a smaller ring. */
static void test_restore_to_smaller_ring(void **state)
{
    void *cookie;

    (void)state;
    for (unsigned in_flight = 32; in_flight <= 33; in_flight++) {
        bed_again();
        bed_open();
        for (unsigned i = 0; i < in_flight; i++)
            assert_int_equal(bed_submit(PV_BLK_READ, i, bed.data + i * 512u, 512, bed.data), 0);
        xen_store_put(XEN_BLK_BACKEND, "max-ring-page-order", NULL);
        xen_store_put(XEN_HOME XEN_BLK_PATH, "ring-page-order", NULL); /* the path is a new one */
        xen_machine_restore(XEN_BLK_BACKEND, "2");
        if (in_flight == 33) {
            bed_expect_fault("smaller");
            continue;
        }
        assert_int_equal(bed_take(&cookie), 1);
        back_connect();
        assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, bed.data), -EAGAIN);
        assert_int_equal(back_serve(), 32);
        for (unsigned i = 0; i < 32; i++)
            assert_int_equal(bed_take(&cookie), 0);
        assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, bed.data), 0);
    }
}

/* ---- a hostile backend -------------------------------------------------------------------- */

static void test_nonsense_features(void **state)
{
    static const struct {
        const char *name, *value, *words; /* words NULL: the device is taken */
    } cases[] = {
        {"sectors", NULL, "capacity"},
        {"sectors", "many", "capacity"},
        {"sectors", "-1", "capacity"},
        {"sectors", "36028797018963968", "capacity"},
        {"sector-size", "0", "block size"},
        {"sector-size", "513", "block size"},
        {"sector-size", "256", "block size"},
        {"sector-size", "65536", "block size"},
        {"sector-size", "18446744073709551616", NULL},
        {"info", "x", NULL},
        {"feature-flush-cache", "2", NULL},
        {"feature-max-indirect-segments", "4294967296", NULL},
        {"feature-max-indirect-segments", "18446744073709551615", NULL},
        {"feature-max-indirect-segments", "1", NULL},
        {"max-ring-page-order", "-1", NULL},
        {"max-ring-page-order", "64", NULL},
        {"max-ring-page-order", "18446744073709551615", NULL},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bed_again();
        xen_store_put(XEN_BLK_BACKEND, cases[i].name, cases[i].value);
        if (cases[i].words == NULL) {
            bed_open();
            assert_true(bed.blk->sectors_max >= 88 && bed.blk->sectors_max <= 256);
        } else {
            assert_int_equal(bed_attach(), -EIO);
            bed_expect_fault(cases[i].words);
        }
    }
}

/* XSA-376: responses that nobody asked for, ids that were never given, and other lies. */
static void test_lies(void **state)
{
    static const struct {
        uint64_t id;
        uint8_t operation;
        int16_t status;
        const char *words;
    } cases[] = {
        {1, BLKIF_OP_READ, 0, "never given"},
        {128, BLKIF_OP_READ, 0, "never given"},
        {UINT64_MAX, BLKIF_OP_READ, 0, "never given"},
        {1ull << 32, BLKIF_OP_READ, 0, "never given"},
        {0, BLKIF_OP_WRITE, 0, "another operation"},
        {0, BLKIF_OP_INDIRECT, 0, "another operation"},
        {0, 255, 0, "another operation"},
        {0, BLKIF_OP_READ, 1, "status"},
        {0, BLKIF_OP_READ, -3, "status"},
        {0, BLKIF_OP_READ, INT16_MIN, "status"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bed_again();
        bed_open();
        memset(bed.data, 0x55, 512);
        assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
        ops->kick(bed.blk);
        back_answer(cases[i].id, cases[i].operation, cases[i].status);
        bed_expect_fault(cases[i].words);
        assert_int_equal(bed.data[0], 0x55);
    }
}

static void test_same_answer_twice(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    back_answer(1, BLKIF_OP_READ, 0);
    back_answer(1, BLKIF_OP_READ, 0);
    assert_int_equal(bed_take(&cookie), 0);
    bed_expect_fault("never given");
}

/* XSA-376: an index beyond what was asked for. */
static void test_overrun(void **state)
{
    static const uint32_t indexes[] = {2, 129, 0x80000000u, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bed_again();
        bed_open();
        assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
        ops->kick(bed.blk);
        bed.back.sring->rsp_prod = indexes[i];
        bed_expect_fault("more responses");
    }
}

/* XSA-155: nothing that lies in the ring is trusted a second time. The backend rewrites every
 * request and index behind our back; only the responses count. */
static void test_ring_rewritten(void **state)
{
    union blkif_sring_entry entry;
    void *cookie;

    (void)state;
    bed_open();
    bed_fill(bed_disk, 1024, 9);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 1024, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    back_transfer(BLKIF_OP_READ, 0, 1, entry.req.seg);
    memset(bed.back.sring->ring, 0xff, XEN_PAGE_BYTES - 64u);
    bed.back.sring->req_prod = 77;
    bed.back.sring->req_event = 99;
    back_answer(entry.req.id, BLKIF_OP_READ, 0);
    assert_int_equal(bed_take(&cookie), 0);
    assert_memory_equal(bed.data, bed_disk, 1024);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 1024, &bed), 0);
    ops->kick(bed.blk);
    assert_null(bed.blk->fault);
}

/* XSA-391: a storm costs one upcall for each look, and ends with the device. */
static void test_event_storm(void **state)
{
    unsigned looks = 0, upcalls = 0;

    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    while (!ops->ask(bed.blk) && looks < 5000) {
        for (unsigned i = 0; i < 10; i++)
            upcalls += xen_backend_send(bed.port);
        looks++;
    }
    assert_true(looks < 2000 && upcalls <= looks);
    bed_expect_fault("events");
}

/* An honest backend's events that bring nothing now and then are no storm. */
static void test_idle_events(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 3000; i++) {
        assert_int_equal(bed_submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
        ops->kick(bed.blk);
        back_serve();
        assert_int_equal(bed_take(&cookie), 0);
        xen_backend_send(bed.port);
        (void)ops->ask(bed.blk);
        xen_backend_send(bed.port);
        (void)ops->ask(bed.blk);
    }
    assert_null(bed.blk->fault);
}

/* XSA-396, Mirage advisory 02: pages that the backend keeps are counted, and never used again. */
static void test_backend_keeps_grants(void **state)
{
    uint32_t ring = 0, page;
    union blkif_sring_entry entry;

    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    ring = ring_ref(3);
    page = entry.req.seg[0].gref;
    xen_hold(ring);
    xen_hold(page);
    xen_machine.backend_passive = true;
    back_answer(99, BLKIF_OP_READ, 0);
    bed_expect_fault("never given");
    assert_int_equal(xen_grant_counters.leaked, 2);
    assert_non_null(xen_granted(page, true));
}

/* XSA-403: what is granted are whole pages of the frontend's own, clean before their first use;
 * neither the frontend's state nor a byte of the kernel's lies in one. */
static void test_nothing_else_is_granted(void **state)
{
    uint8_t *data = bed.data + 100;

    (void)state;
    bed_open();
    memset(bed.data, 0xaa, DATA_BYTES);
    assert_int_equal(bed_submit(PV_BLK_WRITE, 0, data, 512, &bed), 0);
    xen_bed_expect_own_pages(bed.memory, ops->memory_bytes(bed.device), 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backend_closes_in_mid_transfer),
        TEST(test_backend_vanishes),
        TEST(test_restore),
        TEST(test_restore_to_nothing),
        TEST(test_restore_to_less),
        TEST(test_restore_to_smaller_ring),
        TEST(test_never_connects),
        TEST(test_no_channels),
        TEST(test_nonsense_features),
        TEST(test_lies),
        TEST(test_same_answer_twice),
        TEST(test_overrun),
        TEST(test_ring_rewritten),
        TEST(test_event_storm),
        TEST(test_idle_events),
        TEST(test_backend_keeps_grants),
        TEST(test_nothing_else_is_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
