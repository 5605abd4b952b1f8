/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen block frontend against a backend that the test plays, honest and hostile. */
/* sources: pvabi/xen/blkfront.c pvabi/xen/blkfront_connect.c pvabi/xen/grant.c */
/* sources: pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "pvabi/errno.h"
#include "pvabi/xen/blkfront.h"
#include "pvabi/xen/rings.h"
#include "pvabi/xen/xenbus.h"
#include "tests/unit/support/xen_backend.h"

#include <xen/io/blkif.h>

#define DATA_BYTES (160u * 1024u)
#define DISK_SECTORS 4096u

static const struct pv_blk_ops *const ops = &xen_blk_ops;

static struct {
    const struct pv_device *device;
    struct pv_blk *blk;
    void *memory;
    uint8_t *data;
    uint32_t port;
    blkif_back_ring_t back;
} bed;

static uint8_t disk[DISK_SECTORS * PV_SECTOR_BYTES];

static int bed_attach(void)
{
    size_t bytes = ops->memory_bytes(bed.device);
    int result;

    assert_int_equal(posix_memalign(&bed.memory, XEN_PAGE_BYTES, bytes), 0);
    memset(bed.memory, 0, bytes);
    result = ops->attach(bed.device, bed.memory, &bed.blk);
    return result;
}

/* The backend's side: what it finds in xenstore. */
static void back_connect(void)
{
    uint32_t ref = (uint32_t)xen_store_number(XEN_HOME XEN_BLK_PATH "/ring-ref");
    blkif_sring_t *sring = xen_granted(ref, true);

    assert_non_null(sring);
    bed.port = (uint32_t)xen_store_number(XEN_HOME XEN_BLK_PATH "/event-channel");
    BACK_RING_INIT(&bed.back, sring, XEN_PAGE_BYTES);
}

static int set_up(void **state)
{
    const struct pv_device *devices;
    unsigned count;

    (void)state;
    memset(&bed, 0, sizeof(bed));
    xen_machine_start();
    xen_grant_counters = (struct xen_grant_counters){0};
    xen_blk_create();
    devices = xenbus_devices(&count);
    bed.device = &devices[0];
    bed.data = malloc(DATA_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(bed.memory);
    free(bed.data);
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

static int submit(enum pv_blk_operation operation, uint64_t sector, void *data, uint32_t bytes,
                  void *cookie)
{
    struct pv_segment segment = {data, bytes};
    struct pv_blk_request request = {.operation = operation,
                                     .sector = sector,
                                     .segments = &segment,
                                     .segment_count = bytes ? 1u : 0u,
                                     .sector_count = 8,
                                     .cookie = cookie};

    return ops->submit(bed.blk, &request);
}

static int take(void **cookie)
{
    int result = 1;
    int got = ops->take(bed.blk, cookie, &result);

    return got == 1 ? result : got == 0 ? 1 : got;
}

/* ---- the backend's side ------------------------------------------------------------------- */

static bool back_next(union blkif_sring_entry *entry)
{
    if (bed.back.req_cons == bed.back.sring->req_prod)
        return false;
    memcpy(entry, RING_GET_REQUEST(&bed.back, bed.back.req_cons), sizeof(*entry));
    bed.back.req_cons++;
    return true;
}

static void back_answer(uint64_t id, uint8_t operation, int16_t status)
{
    struct blkif_response *response = RING_GET_RESPONSE(&bed.back, bed.back.rsp_prod_pvt);

    *response = (struct blkif_response){.id = id, .operation = operation, .status = status};
    bed.back.rsp_prod_pvt++;
    RING_PUSH_RESPONSES(&bed.back);
}

static void back_transfer(uint8_t operation, uint64_t sector, unsigned count,
                          const struct blkif_request_segment *segments)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t *page = xen_granted(segments[i].gref, operation == BLKIF_OP_READ);
        uint32_t first = segments[i].first_sect, last = segments[i].last_sect;
        uint32_t bytes = (last - first + 1u) * PV_SECTOR_BYTES;

        assert_non_null(page);
        assert_true(first <= last && last < 8);
        page += first * PV_SECTOR_BYTES;
        if (operation == BLKIF_OP_READ)
            memcpy(page, disk + sector * PV_SECTOR_BYTES, bytes);
        else
            memcpy(disk + sector * PV_SECTOR_BYTES, page, bytes);
        sector += last - first + 1u;
    }
}

/* An honest disk: serves all that was asked for. Returns how many requests that were. */
static unsigned back_serve(void)
{
    union blkif_sring_entry entry;
    unsigned served = 0;

    for (; back_next(&entry); served++) {
        const struct blkif_request *request = &entry.req;
        const struct blkif_request_indirect *indirect = (const void *)&entry.req;
        const struct blkif_request_discard *discard = (const void *)&entry.req;

        switch (request->operation) {
        case BLKIF_OP_INDIRECT:
            assert_true(indirect->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST);
            back_transfer(indirect->indirect_op, indirect->sector_number, indirect->nr_segments,
                          xen_granted(indirect->indirect_grefs[0], false));
            back_answer(indirect->id, indirect->indirect_op, BLKIF_RSP_OKAY);
            break;
        case BLKIF_OP_DISCARD:
            memset(disk + discard->sector_number * PV_SECTOR_BYTES, 0,
                   discard->nr_sectors * PV_SECTOR_BYTES);
            back_answer(discard->id, BLKIF_OP_DISCARD, BLKIF_RSP_OKAY);
            break;
        default:
            assert_int_equal(request->handle, 51712);
            back_transfer(request->operation, request->sector_number, request->nr_segments,
                          request->seg);
            back_answer(request->id, request->operation, BLKIF_RSP_OKAY);
            break;
        }
    }
    bed.back.sring->req_event = bed.back.req_cons + 1u;
    return served;
}

static void fill(uint8_t *data, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(seed + i * 7u + i / 512u);
}

/* Everything fails, one reason stays, nothing of ours is granted any more but what is held. */
static void expect_fault(const char *words)
{
    void *cookie;
    int result;

    assert_int_equal(ops->take(bed.blk, &cookie, &result), -EIO);
    assert_non_null(bed.blk->fault);
    assert_non_null(strstr(bed.blk->fault, words));
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), -EIO);
    assert_true(ops->ask(bed.blk));
    ops->kick(bed.blk);
    ops->refresh(bed.blk);
    assert_int_equal(ops->take(bed.blk, &cookie, &result), -EIO);
    assert_int_equal(xen_grant_counters.in_use, 0);
    for (unsigned i = 2; i < 64; i++)
        assert_false(xen_machine.channels[i].open);
    assert_int_equal(xen_machine.masked, 0);
}

/* ---- an honest backend -------------------------------------------------------------------- */

static void test_attach(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(bed.blk->sector_count, 4096);
    assert_int_equal(bed.blk->block_bytes, 512);
    assert_true(bed.blk->can_flush && bed.blk->can_discard && !bed.blk->read_only);
    assert_int_equal(bed.blk->sectors_max, 256);
    assert_int_equal(bed.blk->event, xen_machine.channels[bed.port].event);
    assert_string_equal(xen_store_get(XEN_HOME XEN_BLK_PATH "/protocol"), "x86_64-abi");
    assert_string_equal(xen_store_get(XEN_HOME XEN_BLK_PATH "/feature-persistent"), "1");
}

static void test_attach_plain(void **state)
{
    (void)state;
    xen_store_put(XEN_BLK_BACKEND, "feature-max-indirect-segments", NULL);
    xen_store_put(XEN_BLK_BACKEND, "feature-flush-cache", NULL);
    xen_store_put(XEN_BLK_BACKEND, "feature-discard", NULL);
    xen_store_put(XEN_BLK_BACKEND, "sector-size", "4096");
    xen_store_put(XEN_BLK_BACKEND, "info", "4");
    bed_open();
    assert_int_equal(bed.blk->sectors_max, 88);
    assert_int_equal(bed.blk->block_bytes, 4096);
    assert_true(bed.blk->read_only && !bed.blk->can_flush && !bed.blk->can_discard);
    assert_int_equal(submit(PV_BLK_WRITE, 0, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_DISCARD, 0, NULL, 0, &bed), -EINVAL);
}

/* Any length, at any alignment, direct and indirect. */
static void test_write_and_read(void **state)
{
    static const uint32_t sectors[] = {1, 7, 8, 9, 88, 89, 255, 256};
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < sizeof(sectors) / sizeof(sectors[0]); i++) {
        uint32_t bytes = sectors[i] * PV_SECTOR_BYTES;
        uint8_t *odd = bed.data + i; /* not aligned */

        fill(odd, bytes, i);
        memset(disk, 0xee, sizeof(disk));
        assert_int_equal(submit(PV_BLK_WRITE, 3, odd, bytes, &bed), 0);
        assert_int_equal(take(&cookie), 1);
        ops->kick(bed.blk);
        assert_int_equal(xen_machine.channels[bed.port].sent, 2u * i + 1u);
        assert_int_equal(back_serve(), 1);
        assert_int_equal(take(&cookie), 0);
        assert_ptr_equal(cookie, &bed);
        assert_memory_equal(disk + 3u * PV_SECTOR_BYTES, odd, bytes);
        assert_int_equal(disk[3u * PV_SECTOR_BYTES + bytes], 0xee);

        memset(bed.data, 0, DATA_BYTES);
        assert_int_equal(submit(PV_BLK_READ, 3, odd, bytes, &bed), 0);
        ops->kick(bed.blk);
        assert_int_equal(back_serve(), 1);
        assert_int_equal(take(&cookie), 0);
        assert_memory_equal(disk + 3u * PV_SECTOR_BYTES, odd, bytes);
        assert_int_equal(odd[bytes], 0);
    }
}

static void test_segments(void **state)
{
    struct pv_segment segments[8];
    struct pv_blk_request request = {
        .operation = PV_BLK_WRITE, .segments = segments, .segment_count = 8, .cookie = &bed};
    uint8_t *parts[8];
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 8; i++) {
        uint32_t bytes = (i * 3u + 1u) * PV_SECTOR_BYTES;

        parts[i] = malloc(bytes);
        fill(parts[i], bytes, i);
        segments[i] = (struct pv_segment){parts[i], bytes};
    }
    assert_int_equal(ops->submit(bed.blk, &request), 0);
    ops->kick(bed.blk);
    assert_int_equal(back_serve(), 1);
    assert_int_equal(take(&cookie), 0);
    for (unsigned i = 0, at = 0; i < 8; at += segments[i++].bytes) {
        assert_memory_equal(disk + at, parts[i], segments[i].bytes);
        memset(parts[i], 0, segments[i].bytes);
    }
    request.operation = PV_BLK_READ;
    assert_int_equal(ops->submit(bed.blk, &request), 0);
    ops->kick(bed.blk);
    assert_int_equal(back_serve(), 1);
    assert_int_equal(take(&cookie), 0);
    for (unsigned i = 0, at = 0; i < 8; at += segments[i++].bytes) {
        assert_memory_equal(disk + at, parts[i], segments[i].bytes);
        free(parts[i]);
    }
}

static void test_flush_and_discard(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    memset(disk, 1, sizeof(disk));
    assert_int_equal(submit(PV_BLK_DISCARD, 16, NULL, 0, &bed), 0);
    assert_int_equal(submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    assert_int_equal(back_serve(), 2);
    assert_int_equal(take(&cookie), 0);
    assert_int_equal(take(&cookie), 0);
    assert_int_equal(disk[16u * PV_SECTOR_BYTES - 1u], 1);
    assert_int_equal(disk[16u * PV_SECTOR_BYTES], 0);
    assert_int_equal(disk[24u * PV_SECTOR_BYTES - 1u], 0);
    assert_int_equal(disk[24u * PV_SECTOR_BYTES], 1);
}

static void test_malformed_requests(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 0, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 513, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 257u * 512u, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_READ, 4096, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_READ, UINT64_MAX, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, NULL), -EINVAL);
    assert_int_equal(submit((enum pv_blk_operation)9, 0, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(submit(PV_BLK_READ, 4095, bed.data, 512, &bed), 0);
}

/* As many small requests as the ring holds; fewer large ones, as the pool holds. Then again. */
static void test_full(void **state)
{
    static const uint32_t sizes[] = {512, 128u * 1024u, 40u * 1024u, 512};
    static const unsigned fit[] = {32, 4, 13, 32};
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 4; i++) {
        unsigned count = 0;

        while (submit(PV_BLK_READ, 0, bed.data, sizes[i], &bed) == 0)
            count++;
        assert_int_equal(submit(PV_BLK_READ, 0, bed.data, sizes[i], &bed), -EAGAIN);
        assert_int_equal(count, fit[i]);
        ops->kick(bed.blk);
        assert_int_equal(back_serve(), count);
        for (unsigned j = 0; j < count; j++)
            assert_int_equal(take(&cookie), 0);
        assert_int_equal(take(&cookie), 1);
    }
}

static void test_events(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    assert_false(ops->ask(bed.blk));
    assert_int_equal(bed.back.sring->rsp_event, 1);
    back_serve();
    assert_true(xen_backend_send(bed.port));
    assert_true(xen_event_taken(bed.blk->event));
    assert_true(ops->ask(bed.blk));
    assert_int_equal(take(&cookie), 0);
    assert_false(xen_backend_send(bed.port)); /* masked until we ask */
    assert_false(ops->ask(bed.blk));
    assert_true(xen_event_taken(bed.blk->event)); /* what came meanwhile is not lost */
}

static void test_grows(void **state)
{
    (void)state;
    bed_open();
    xen_store_put(XEN_BLK_BACKEND, "sectors", "9999");
    ops->refresh(bed.blk);
    assert_int_equal(bed.blk->sector_count, 9999);
    xen_store_put(XEN_BLK_BACKEND, "sectors", "99999999999999999999");
    ops->refresh(bed.blk);
    assert_int_equal(bed.blk->sector_count, 9999);
    xen_store_put(XEN_BLK_BACKEND, "sectors", "9999999999999999999");
    ops->refresh(bed.blk);
    expect_fault("capacity");
}

static void test_statuses(void **state)
{
    union blkif_sring_entry entry;
    void *cookie;

    (void)state;
    bed_open();
    memset(bed.data, 0x55, 512);
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    back_answer(entry.req.id, BLKIF_OP_READ, BLKIF_RSP_ERROR);
    assert_int_equal(take(&cookie), -EIO);
    assert_ptr_equal(cookie, &bed);
    assert_int_equal(bed.data[0], 0x55);
    assert_int_equal(submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    back_answer(entry.req.id, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(take(&cookie), -EOPNOTSUPP);
    assert_null(bed.blk->fault);
}

/* ---- closing and restoring ---------------------------------------------------------------- */

static void test_backend_closes_in_mid_transfer(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    assert_false(ops->ask(bed.blk));
    xen_store_set(XEN_BLK_BACKEND "/state", "5");
    xen_store_deliver();
    assert_true(xen_event_taken(bed.blk->event)); /* whoever waits is woken */
    expect_fault("closes");
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
    expect_fault("closes");
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
    fill(bed.data, DATA_BYTES, 1);
    fill(disk, sizeof(disk), 2);
    assert_int_equal(submit(PV_BLK_WRITE, 0, bed.data, 128u * 1024u, bed.data), 0);
    ops->kick(bed.blk);
    assert_int_equal(submit(PV_BLK_READ, 512, bed.data + 128u * 1024u, 512, disk), 0); /* no kick */

    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xen_machine.channels[2].open = true; /* ports come out differently */
    xen_store_put(XEN_BLK_BACKEND, "state", "2");
    xen_store_put(XEN_HOME XEN_BLK_PATH, "state", "1");
    xenbus_restored();
    assert_true(xen_event_taken(event));
    xen_machine.backend_passive = true;
    assert_int_equal(take(&cookie), 1); /* it has not connected */
    assert_int_equal(submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    xen_store_put(XEN_BLK_BACKEND, "state", "4");
    xen_store_deliver();
    assert_true(xen_event_taken(event));
    assert_int_equal(take(&cookie), 1);
    back_connect();
    assert_int_not_equal(bed.port, old_port);
    assert_int_equal(xen_machine.channels[bed.port].event, event);
    assert_int_equal(back_serve(), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(take(&cookie), 0);
    assert_int_equal(take(&cookie), 1);
    assert_memory_equal(disk, bed.data, 128u * 1024u);
    assert_memory_equal(disk + 512u * 512u, bed.data + 128u * 1024u, 512);
}

static void test_restore_to_nothing(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xenbus_restored(); /* the backend is still connected, or so it says */
    assert_int_equal(take(&cookie), 1);
    assert_false(ops->ask(bed.blk));
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0); /* waits with the other */
    ops->kick(bed.blk);
    xen_machine.now_ns += 11000000000u;
    expect_fault("does not connect");
}

static void test_restore_to_less(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(submit(PV_BLK_WRITE, 0, bed.data, 128u * 1024u, bed.data), 0);
    memset(xen_machine.channels, 0, sizeof(xen_machine.channels));
    xen_store_put(XEN_BLK_BACKEND, "state", "2");
    xen_store_put(XEN_BLK_BACKEND, "feature-max-indirect-segments", NULL);
    xenbus_restored();
    expect_fault("takes less");
}

/* ---- a hostile backend -------------------------------------------------------------------- */

static void test_never_connects(void **state)
{
    (void)state;
    xen_machine.backend_passive = true;
    assert_int_equal(bed_attach(), -EIO);
    expect_fault("does not connect");
}

static void test_refused_attach(void **state)
{
    (void)state;
    xen_machine.no_channels = true;
    assert_int_equal(bed_attach(), -EIO);
    expect_fault("event channel");
}

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
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        again();
        xen_store_put(XEN_BLK_BACKEND, cases[i].name, cases[i].value);
        if (cases[i].words == NULL) {
            bed_open();
            assert_true(bed.blk->sectors_max >= 88 && bed.blk->sectors_max <= 256);
        } else {
            assert_int_equal(bed_attach(), -EIO);
            expect_fault(cases[i].words);
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
        {32, BLKIF_OP_READ, 0, "never given"},
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
        again();
        bed_open();
        memset(bed.data, 0x55, 512);
        assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
        ops->kick(bed.blk);
        back_answer(cases[i].id, cases[i].operation, cases[i].status);
        expect_fault(cases[i].words);
        assert_int_equal(bed.data[0], 0x55);
    }
}

static void test_same_answer_twice(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    back_answer(1, BLKIF_OP_READ, 0);
    back_answer(1, BLKIF_OP_READ, 0);
    assert_int_equal(take(&cookie), 0);
    expect_fault("never given");
}

/* XSA-376: an index beyond what was asked for. */
static void test_overrun(void **state)
{
    static const uint32_t indexes[] = {2, 33, 0x80000000u, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        again();
        bed_open();
        assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
        ops->kick(bed.blk);
        bed.back.sring->rsp_prod = indexes[i];
        expect_fault("more responses");
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
    fill(disk, 1024, 9);
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 1024, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    back_transfer(BLKIF_OP_READ, 0, 1, entry.req.seg);
    memset(bed.back.sring->ring, 0xff, XEN_PAGE_BYTES - 64u);
    bed.back.sring->req_prod = 77;
    bed.back.sring->req_event = 99;
    back_answer(entry.req.id, BLKIF_OP_READ, 0);
    assert_int_equal(take(&cookie), 0);
    assert_memory_equal(bed.data, disk, 1024);
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 1024, &bed), 0);
    ops->kick(bed.blk);
    assert_null(bed.blk->fault);
}

/* XSA-391: a storm costs one upcall for each look, and ends with the device. */
static void test_event_storm(void **state)
{
    unsigned looks = 0, upcalls = 0;

    (void)state;
    bed_open();
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    while (!ops->ask(bed.blk) && looks < 5000) {
        for (unsigned i = 0; i < 10; i++)
            upcalls += xen_backend_send(bed.port);
        looks++;
    }
    assert_true(looks < 2000 && upcalls <= looks);
    expect_fault("events");
}

/* An honest backend's events that bring nothing now and then are no storm. */
static void test_idle_events(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 3000; i++) {
        assert_int_equal(submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
        ops->kick(bed.blk);
        back_serve();
        assert_int_equal(take(&cookie), 0);
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
    assert_int_equal(submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    ring = (uint32_t)xen_store_number(XEN_HOME XEN_BLK_PATH "/ring-ref");
    page = entry.req.seg[0].gref;
    xen_hold(ring);
    xen_hold(page);
    xen_machine.backend_passive = true;
    back_answer(99, BLKIF_OP_READ, 0);
    expect_fault("never given");
    assert_int_equal(xen_grant_counters.leaked, 2);
    assert_non_null(xen_granted(page, true));
}

/* XSA-403: what is granted are whole pages of the frontend's own, clean before their first use;
 * neither the frontend's state nor a byte of the kernel's lies in one. */
static void test_nothing_else_is_granted(void **state)
{
    uint8_t *data = bed.data + 100;
    unsigned pages = 0;

    (void)state;
    bed_open();
    memset(bed.data, 0xaa, DATA_BYTES);
    assert_int_equal(submit(PV_BLK_WRITE, 0, data, 512, &bed), 0);
    for (uint32_t ref = 0; ref < 16u * 512u; ref++) {
        uint8_t *page = xen_granted(ref, false);

        if (page == NULL)
            continue;
        pages++;
        assert_true(page > (uint8_t *)bed.memory && (uintptr_t)page % XEN_PAGE_BYTES == 0);
        assert_true(page + XEN_PAGE_BYTES <= (uint8_t *)bed.memory + ops->memory_bytes(bed.device));
        for (unsigned i = 512; i < XEN_PAGE_BYTES; i++)
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
        TEST(test_write_and_read),
        TEST(test_segments),
        TEST(test_flush_and_discard),
        TEST(test_malformed_requests),
        TEST(test_full),
        TEST(test_events),
        TEST(test_grows),
        TEST(test_statuses),
        TEST(test_backend_closes_in_mid_transfer),
        TEST(test_backend_vanishes),
        TEST(test_restore),
        TEST(test_restore_to_nothing),
        TEST(test_restore_to_less),
        TEST(test_never_connects),
        TEST(test_refused_attach),
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
