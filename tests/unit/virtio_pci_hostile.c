/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/pci.c pvabi/virtio/pci_config.c pvabi/virtio/pci_space.c */
/* sources: pvabi/virtio/pci_capabilities.c pvabi/virtio/pci_interrupts.c pvabi/virtio/pci_modern.c */
/* sources: pvabi/virtio/pci_legacy.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: pvabi/virtio/blk.c pvabi/virtio/blk_request.c */
/* sources: tests/unit/support/device.c */
/* sources: tests/unit/support/pci_machine.c tests/unit/support/pci_function.c */
/*
 * The PCI transport against a machine that lies: what is malformed is left out with one line, and the
 * others keep working.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/pci_bed.h"

struct pv_counters pv_counters;

/* ---- hostile configuration spaces --------------------------------------------------------- */

static void test_capability_loops(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, MACHINE_CAP_MSIX + 1u, 1, MACHINE_CAP_MSIX); /* to itself */
    expect_left_out("common configuration");
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, MACHINE_CAP_NOTIFY + 1u, 1, MACHINE_CAP_COMMON); /* a ring, but sound */
    expect_disk(f);
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, MACHINE_CAP_MSIX + 1u, 1, 0x10); /* into the header */
    expect_left_out("common configuration");
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, MACHINE_CAP_MSIX + 1u, 1, 0xfc); /* beyond the end */
    machine_config_set(f, 0xfc, 1, PCI_CAPABILITY_VENDOR);
    expect_left_out("common configuration");
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_STATUS, 2, 0);
    expect_left_out("common configuration");
}

/* Each row spoils one field of one capability. */
static void test_wild_structures(void **state)
{
    static const struct {
        unsigned cap, field, bytes;
        uint32_t value;
        const char *words;
    } rows[] = {
        {MACHINE_CAP_COMMON, 8, 4, 0x4000, "common"},     /* behind the BAR */
        {MACHINE_CAP_COMMON, 8, 4, 0x3fd0, "common"},     /* across its end */
        {MACHINE_CAP_COMMON, 8, 4, 0xfffffffc, "common"}, /* offset plus length wraps */
        {MACHINE_CAP_COMMON, 8, 4, 2, "common"},          /* out of alignment */
        {MACHINE_CAP_COMMON, 12, 4, 55, "common"},        /* too short */
        {MACHINE_CAP_COMMON, 12, 4, 0x4001, "common"},    /* too long */
        {MACHINE_CAP_COMMON, 12, 4, 0xffffffff, "common"},
        {MACHINE_CAP_COMMON, 4, 1, 6, "common"}, /* no such BAR */
        {MACHINE_CAP_COMMON, 4, 1, 0xff, "common"},
        {MACHINE_CAP_COMMON, 4, 1, 5, "common"}, /* the upper half of one */
        {MACHINE_CAP_COMMON, 4, 1, 2, "common"}, /* one that is not there */
        {MACHINE_CAP_COMMON, 3, 1, 0, "common"}, /* no such structure */
        {MACHINE_CAP_COMMON, 3, 1, 9, "common"},
        {MACHINE_CAP_NOTIFY, 12, 4, 1, "notify"},
        {MACHINE_CAP_NOTIFY, 12, 4, 0, "notify"},
        {MACHINE_CAP_NOTIFY, 8, 4, 0x3001, "notify"},
        {MACHINE_CAP_NOTIFY, 16, 4, 3, "notify"}, /* multipliers: 0 or an even power of two */
        {MACHINE_CAP_NOTIFY, 16, 4, 1, "notify"},
        {MACHINE_CAP_NOTIFY, 16, 4, 6, "notify"},
        {MACHINE_CAP_NOTIFY, 16, 4, 0xffffffff, "notify"},
        {MACHINE_CAP_ISR, 12, 4, 0, "ISR"},
        {MACHINE_CAP_ISR, 8, 4, 0x4000, "ISR"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct machine_function *f;

        machine_open(true);
        f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        machine_config_set(f, rows[i].cap + rows[i].field, rows[i].bytes, rows[i].value);
        expect_left_out(rows[i].words);
    }
}

/* Each row spoils BAR 4: its flags, its base, or the bits that can be written. */
static void test_wild_bars(void **state)
{
    static const struct {
        uint32_t low, high, mask;
    } rows[] = {
        {0xc0008000u | 2u, 0, ~0x3fffu}, /* reserved types */
        {0xc0008000u | 6u, 0, ~0x3fffu},
        {0xc0008000u | 0xcu, 0, 0},                 /* nothing sticks: not there */
        {0xc0008000u | 0xcu, 0, ~0xffu},            /* too small */
        {0xc0008000u | 0xcu, 0xffffffff, ~0x3fffu}, /* beyond physical addresses */
        {0xffffc000u | 0xcu, 0xffffffff, ~0x3fffu}, /* at the very end */
        {0x0000fffdu, 0, ~0x3fffu},                 /* ports, across the last one */
    };
    struct machine_function *f;

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        machine_open(true);
        f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        machine_config_set(f, PCI_BAR(4), 4, rows[i].low);
        machine_config_set(f, PCI_BAR(5), 4, rows[i].high);
        f->bar_mask[4] = rows[i].mask;
        machine_find();
        assert_int_equal(machine.found_count, 0);
        assert_int_equal(machine.report_count, 1);
    }

    machine_open(true); /* 64 bits wide in the last register, where there is no upper half */
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_BAR(5), 4, MACHINE_MEMORY | 0xcu);
    f->bar_mask[4] = 0;
    f->bar_mask[5] = ~0x3fffu;
    for (unsigned at = MACHINE_CAP_COMMON; at <= MACHINE_CAP_NOTIFY; at += 0x10u)
        machine_config_set(f, at + 4u, 1, 5);
    machine_config_set(f, PCI_BAR(4), 4, 0);
    expect_left_out("common");
}

static void test_above_4g(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_BAR(4), 4, 0x4000u | 0xcu);
    machine_config_set(f, PCI_BAR(5), 4, 0x80);
    expect_disk(f);
}

static void test_wild_legacy(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true);
    f = machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    f->bar_mask[0] = 0xfffffff0u; /* 16 ports are too few */
    expect_left_out("legacy");
    machine_open(true);
    f = machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_BAR(0), 4, (uint32_t)MACHINE_MEMORY + 0x8000u); /* memory */
    expect_left_out("legacy");
}

static void test_wild_msix(void **state)
{
    static const uint32_t tables[] = {7, 6, 2, 0x1000 | 1, 0xfc0 | 1 | 8, 0xfffffff8u | 1};

    (void)state;
    for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct machine_function *f;

        machine_open(true); /* a table that cannot be: the line serves */
        f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        machine_config_set(f, MACHINE_CAP_MSIX + PCI_MSIX_TABLE, 4, tables[i]);
        expect_disk(f);
        assert_int_equal(machine.line_count, 1);
        assert_int_equal(machine.message_count, 0);
    }
}

/* ---- hostile devices ---------------------------------------------------------------------- */

static void test_stuck(void **state)
{
    (void)state;
    machine_open(true);
    machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)->stuck = true;
    expect_left_out("reset");
    machine_open(true);
    machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)->stuck = true;
    expect_left_out("reset");
    machine_open(true);
    machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)->gone = true;
    expect_left_out("reset");
}

/* A device that is found, but not fit for attaching; the one beside it is. */
static void expect_unfit(void (*spoil)(struct machine_function *f), bool legacy, const char *words)
{
    struct machine_function *f, *good;
    struct pv_blk *blk;
    void *memory;

    machine_open(true);
    f = legacy ? machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)
               : machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    good = machine_modern(5u << 3, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    blk_configure(f);
    blk_configure(good);
    machine_find();
    assert_int_equal(machine.found_count, 2);
    spoil(f);
    assert_int_equal(blk_attach(0, &memory, &blk), -EIO);
    assert_non_null(strstr(blk->fault, words));
    assert_true(f->gone || f->status & VIRTIO_STATUS_FAILED);
    assert_false(f->status & VIRTIO_STATUS_DRIVER_OK);
    release(memory);
    assert_int_equal(blk_attach(1, &memory, &blk), 0);
    carry_read(good, blk);
    release(memory);
}

static void spoil_features(struct machine_function *f)
{
    f->refuses = true;
}

static void spoil_version(struct machine_function *f)
{
    f->offered &= ~VIRTIO_F_VERSION_1;
}

static void spoil_size_zero(struct machine_function *f)
{
    f->queues[0].size = 0;
}

static void spoil_size_odd(struct machine_function *f)
{
    f->queues[0].size = 96;
}

static void spoil_size_huge(struct machine_function *f)
{
    f->queues[0].size = 0xffff;
}

static void spoil_vectors(struct machine_function *f)
{
    f->refuses_vectors = true;
}

static void spoil_notify(struct machine_function *f)
{
    f->notify_offset[0] = 0x400; /* right behind the structure */
}

static void spoil_presence(struct machine_function *f)
{
    f->gone = true;
}

static void test_unfit(void **state)
{
    (void)state;
    expect_unfit(spoil_features, false, "negotiation");
    expect_unfit(spoil_version, false, "negotiation");
    expect_unfit(spoil_vectors, false, "negotiation");
    expect_unfit(spoil_vectors, true, "negotiation");
    expect_unfit(spoil_notify, false, "set-up");
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        expect_unfit(spoil_size_zero, legacy, "queue");
        expect_unfit(spoil_size_odd, legacy, "queue");
        expect_unfit(spoil_size_huge, legacy, "queue");
        expect_unfit(spoil_presence, legacy, "queue");
    }
}

static void test_notify_multiplier(void **state)
{
    struct machine_function *f;
    struct pv_blk *blk;
    void *memory;

    (void)state;
    machine_open(true); /* 0: all queues have one bell */
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, MACHINE_CAP_NOTIFY + 16u, 4, 0);
    f->notify_offset[0] = 0xffff;
    expect_disk(f);

    machine_open(true); /* the greatest: offset times multiplier does not fit 32 bits */
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, MACHINE_CAP_NOTIFY + 16u, 4, 0x80000000u);
    f->notify_offset[0] = 2;
    blk_configure(f);
    machine_find();
    assert_int_equal(blk_attach(0, &memory, &blk), -EIO);
    release(memory);
}

static void test_size_asked_once(void **state)
{
    struct machine_function *f;
    const struct virtio_transport *transport;

    (void)state;
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_find();
    transport = machine.found[0];
    assert_int_equal(transport->ops->queue_size(transport, 0, 128), SIZE);
    f->queues[0].size = 32768;
    assert_int_equal(transport->ops->queue_size(transport, 0, 128), SIZE);
    assert_int_equal(transport->ops->queue_size(transport, 1, 128), 0);
    assert_int_equal(transport->ops->queue_size(transport, 1000, 128), 0);
}

static void test_config_reads(void **state)
{
    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        struct machine_function *f;
        const struct virtio_transport *transport;

        machine_open(true);
        f = legacy ? machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)
                   : machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        memset(f->device_config, 0xa5, sizeof(f->device_config));
        machine_find();
        transport = machine.found[0];
        assert_true(transport->ops->config_read(transport, 0, 8) == 0xa5a5a5a5a5a5a5a5ull);
        assert_true(transport->ops->config_read(transport, 1, 1) == 0xa5);
        assert_true(transport->ops->config_read(transport, 4096, 1) == 0);
        assert_true(transport->ops->config_read(transport, 4095, 8) == 0);
        assert_true(transport->ops->config_read(transport, UINT32_MAX - 3u, 4) == 0);
    }
}

/* One that is not there any more, or that somebody reset, is told by its status. */
static void test_vanished(void **state)
{
    static const uint8_t statuses[] = {0xff, 0, 15 | 64};

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct machine_function *f;
        struct pv_blk *blk;
        void *memory;

        machine_open(true);
        f = i % 2 ? machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)
                  : machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        blk_configure(f);
        machine_find();
        assert_int_equal(blk_attach(0, &memory, &blk), 0);
        assert_true(blk->patience_ns > 0);
        virtio_blk_ops.refresh(blk);
        assert_null(blk->fault);
        f->status = statuses[i / 2];
        virtio_blk_ops.refresh(blk);
        assert_string_equal(blk->fault, "the device is gone");
        release(memory);
    }
}

/* A device that was given up raises nothing any more. */
static void test_failed_is_silent(void **state)
{
    struct machine_function *f;
    struct pv_blk *blk;
    void *memory;

    (void)state;
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    blk_configure(f);
    machine_find();
    assert_int_equal(blk_attach(0, &memory, &blk), 0);
    assert_non_null(machine_message(f, f->vectors[0]));
    device_use(machine_queue(f, 0), 0x1000, 0);
    assert_int_equal(virtio_blk_ops.take(blk, &(void *){NULL}, &(int){0}), -EIO);
    assert_true(f->status & VIRTIO_STATUS_FAILED);
    assert_null(machine_message(f, f->vectors[0]));
    assert_null(machine_message(f, f->config_vector));
    release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capability_loops),
        cmocka_unit_test(test_wild_structures),
        cmocka_unit_test(test_wild_bars),
        cmocka_unit_test(test_above_4g),
        cmocka_unit_test(test_wild_legacy),
        cmocka_unit_test(test_wild_msix),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_notify_multiplier),
        cmocka_unit_test(test_size_asked_once),
        cmocka_unit_test(test_config_reads),
        cmocka_unit_test(test_vanished),
        cmocka_unit_test(test_failed_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
