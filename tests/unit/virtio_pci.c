/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/pci.c pvabi/virtio/pci_config.c pvabi/virtio/pci_space.c */
/* sources: pvabi/virtio/pci_capabilities.c pvabi/virtio/pci_interrupts.c pvabi/virtio/pci_modern.c */
/* sources: pvabi/virtio/pci_legacy.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: pvabi/virtio/blk.c pvabi/virtio/blk_request.c pvabi/virtio/net.c */
/* sources: pvabi/virtio/net_frames.c */
/* sources: tests/unit/support/device.c */
/* sources: tests/unit/support/pci_machine.c */
/*
 * The PCI transport against a machine that the test plays: devices of every kind are found and
 * carry a request, what is malformed is left out with one line and the others keep working.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "pvabi/virtio/blk.h"
#include "pvabi/virtio/net.h"
#include "tests/unit/support/pci_machine.h"

#define SIZE 64u
#define PLACE (3u << 3) /* pci 00:03.0 */

struct pv_counters pv_counters;
static size_t attached_bytes;

static const uint64_t BLK = VIRTIO_BLK_F_SEG_MAX | VIRTIO_F_EVENT_IDX;

static struct pv_device pv_device_of(unsigned n)
{
    return (struct pv_device){.class = machine.types[n] == VIRTIO_ID_NET ? PV_NET : PV_BLK,
                              .family = PV_FAMILY_VIRTIO,
                              .transport = machine.found[n]};
}

/* Legacy devices reach 44 bits of addresses; of the machine's memory that is true of itself. */
static void *attach_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    attached_bytes = bytes;
    return memory;
}

static void release(void *memory)
{
    munmap(memory, attached_bytes);
}

/* Attaches the block frontend to the n-th device found. */
static int blk_attach(unsigned n, void **memory, struct pv_blk **blk)
{
    struct pv_device device = pv_device_of(n);

    *memory = attach_memory(virtio_blk_ops.memory_bytes(&device));
    return virtio_blk_ops.attach(&device, *memory, blk);
}

static void blk_configure(struct machine_function *f)
{
    struct virtio_blk_config config = {.capacity = 0x100000007ull, .seg_max = 4};

    memcpy(f->device_config, &config, sizeof(config));
}

static bool interrupts_queue(const struct machine_function *f, unsigned queue, unsigned event)
{
    const struct virtio_source *source = machine_message(f, f->vectors[queue]);

    return source && !source->status && !source->status_port && event >= source->event_first &&
           event - source->event_first < source->event_count;
}

/* One read goes through the device and comes back. */
static void carry_read(struct machine_function *f, struct pv_blk *blk)
{
    static uint8_t data[512];
    struct pv_segment segment = {data, sizeof(data)};
    struct pv_blk_request request = {.operation = PV_BLK_READ,
                                     .sector = 9,
                                     .segments = &segment,
                                     .segment_count = 1,
                                     .cookie = data};
    struct device_queue *queue = machine_queue(f, 0);
    unsigned notified = queue->notified;
    const struct virtio_blk_header *header;
    uint16_t head;
    void *cookie;
    int result;

    assert_int_equal(f->enabled[0], 1);
    assert_true(f->status & VIRTIO_STATUS_DRIVER_OK);
    assert_true(machine_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
    assert_int_equal(virtio_blk_ops.submit(blk, &request), 0);
    virtio_blk_ops.kick(blk);
    assert_int_equal(queue->notified, notified + 1u);
    assert_true(device_next(queue, &head));
    header = device_buffer(queue, head, 0);
    assert_int_equal(header->sector, 9);
    *(uint8_t *)device_buffer(queue, head, 2) = VIRTIO_BLK_S_OK;
    device_use(queue, head, 513);
    assert_int_equal(virtio_blk_ops.take(blk, &cookie, &result), 1);
    assert_ptr_equal(cookie, data);
    assert_int_equal(result, 0);
}

/* Finds one device, which must work as a disk. */
static void expect_disk(struct machine_function *f)
{
    struct pv_blk *blk;
    void *memory;

    blk_configure(f);
    machine_find();
    assert_string_equal(machine.report, "");
    assert_int_equal(machine.found_count, 1);
    assert_int_equal(machine.types[0], VIRTIO_ID_BLOCK);
    assert_int_equal(blk_attach(0, &memory, &blk), 0);
    assert_true(blk->sector_count == 0x100000007ull);
    assert_true(f->resets > 0);
    carry_read(f, blk);
    release(memory);
}

static void expect_left_out(const char *words)
{
    machine_find();
    assert_int_equal(machine.found_count, 0);
    assert_int_equal(machine.report_count, 1);
    assert_non_null(strstr(machine.report, "pci 00:03.0: "));
    assert_non_null(strstr(machine.report, words));
    for (unsigned i = 0; i < machine.function_count; i++)
        assert_false(machine_config_get(&machine.functions[i], PCI_COMMAND, 2) &
                     PCI_COMMAND_MASTER);
}

/* ---- devices as they should be ------------------------------------------------------------ */

static void test_modern(void **state)
{
    (void)state;
    for (unsigned ecam = 0; ecam < 2; ecam++) {
        struct machine_function *f;

        machine_open(ecam);
        f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        expect_disk(f);
        assert_true(f->accepted & VIRTIO_F_VERSION_1);
        assert_true(interrupts_queue(f, 0, 2));
        assert_int_equal(machine_message(f, f->vectors[0])->event_count, 1);
        assert_int_equal(machine_message(f, f->config_vector)->event_first, PV_EVENT_SYSTEM);
        assert_true(machine_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_NO_LINE);
        assert_int_equal(machine.line_count, 0);
        assert_int_equal(f->rings[0][0] % VIRTQ_DESC_ALIGN, 0);
        assert_int_equal(f->rings[0][2] % VIRTQ_USED_ALIGN, 0);
    }
}

static void test_legacy(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true);
    f = machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    expect_disk(f);
    assert_false(f->accepted & VIRTIO_F_VERSION_1);
    assert_true(interrupts_queue(f, 0, 2));
    assert_false(f->status & VIRTIO_STATUS_FEATURES_OK);
}

static void test_transitional(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true);
    f = machine_transitional(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    expect_disk(f);
    assert_true(f->accepted & VIRTIO_F_VERSION_1); /* the modern interface is the better one */

    machine_open(true); /* and without it the other one is left */
    f = machine_transitional(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, MACHINE_CAP_NOTIFY + 12u, 4, 1);
    expect_disk(f);
    assert_false(f->accepted & VIRTIO_F_VERSION_1);
}

static void test_net(void **state)
{
    static const uint64_t features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS;
    static uint8_t buffer[2048];
    const struct pv_net_ops *ops = &virtio_net_ops;

    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        unsigned header_bytes = legacy ? 10 : 12;
        struct pv_segment frame = {buffer, 60};
        struct machine_function *f;
        struct pv_device device;
        struct pv_net *net;
        uint16_t head;
        void *memory;

        machine_open(true);
        f = legacy ? machine_legacy(PLACE, VIRTIO_ID_NET, features, 3, SIZE)
                   : machine_modern(PLACE, VIRTIO_ID_NET, features, 3, SIZE);
        memcpy(f->device_config, "\x02\x11\x22\x33\x44\x55\x01", 8);
        machine_find();
        device = pv_device_of(0);
        memory = attach_memory(ops->memory_bytes(&device));
        assert_int_equal(ops->attach(&device, memory, &net), 0);
        assert_memory_equal(net->mac, "\x02\x11\x22\x33\x44\x55", 6);
        assert_true(net->link_up);
        assert_int_not_equal(net->rx_event, net->tx_event);
        assert_true(interrupts_queue(f, 0, net->rx_event));
        assert_true(interrupts_queue(f, 1, net->tx_event));
        assert_int_equal(ops->tx_post(net, &frame, 1, NULL, buffer), 0);
        ops->tx_kick(net);
        assert_int_equal(machine_queue(f, 1)->notified, 1);
        assert_true(device_next(&f->queues[1], &head));
        assert_int_equal(device_desc(&f->queues[1], head, 0)->bytes, header_bytes);
        assert_int_equal(ops->rx_post(net, buffer, sizeof(buffer), buffer), 0);
        ops->rx_kick(net);
        assert_int_equal(machine_queue(f, 0)->notified, 1);
        release(memory);
    }
}

static void test_queue_shrinks(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true); /* modern: the driver takes no more than it wants; legacy: all or nothing */
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, 1024);
    expect_disk(f);
    assert_int_equal(f->queues[0].size, 128);
    machine_open(true);
    f = machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, 1024);
    expect_disk(f);
    assert_int_equal(f->queues[0].size, 1024);
}

static void test_access_platform(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true);
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK | VIRTIO_F_ACCESS_PLATFORM, 1, SIZE);
    expect_disk(f);
    assert_true(f->accepted & VIRTIO_F_ACCESS_PLATFORM);
}

/* ---- interrupts --------------------------------------------------------------------------- */

static void test_shared_message(void **state)
{
    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        struct machine_function *f;

        machine_open(true);
        f = legacy ? machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)
                   : machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        machine_config_set(f, MACHINE_CAP_MSIX + PCI_MSIX_CONTROL, 2, 0); /* one vector */
        expect_disk(f);
        assert_true(interrupts_queue(f, 0, 2));
        assert_int_equal(f->config_vector, f->vectors[0]);
    }
    /* Vectors may run out on our side, too. */
    machine_open(true);
    machine.vectors_left = 1;
    machine_modern(PLACE, VIRTIO_ID_NET, 0, 2, SIZE);
    machine_find();
    assert_int_equal(machine.found_count, 1);
    assert_int_equal(machine.line_count, 1);
}

static void test_line(void **state)
{
    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        struct machine_function *f;

        machine_open(true);
        machine.vectors_left = 0;
        f = legacy ? machine_legacy(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE)
                   : machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
        machine_config_set(f, PCI_COMMAND, 2, PCI_COMMAND_NO_LINE);
        expect_disk(f);
        assert_int_equal(machine.line_count, 1);
        assert_int_equal(machine.pins[0].line, 10);
        assert_int_equal(machine.pins[0].device, PLACE >> 3);
        assert_int_equal(machine.pins[0].pin, 0);
        assert_int_equal(machine.lines[0].event_first, 2);
        f->isr = 1;
        if (legacy) {
            assert_int_equal(machine.lines[0].status_port, MACHINE_PORTS + 19u);
            assert_int_equal(machine_host.port_read(machine.lines[0].status_port, 1), 1);
        } else {
            assert_int_equal(machine_host.read(machine.lines[0].status, 1), 1);
        }
        assert_int_equal(f->isr, 0);
        assert_false(machine_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_NO_LINE);
        assert_false(machine_config_get(f, MACHINE_CAP_MSIX + PCI_MSIX_CONTROL, 2) &
                     PCI_MSIX_CONTROL_ENABLE);
        assert_int_equal(f->vectors[0], VIRTIO_PCI_NO_VECTOR);
    }
}

static void test_no_interrupt(void **state)
{
    struct machine_function *f;

    (void)state;
    machine_open(true);
    machine.vectors_left = 0;
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_INTERRUPT_PIN, 1, 0); /* it has none */
    expect_left_out("no interrupt");
    machine_open(true);
    machine.vectors_left = 0;
    machine.lines_refused = 1;
    machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    expect_left_out("no interrupt");
    machine_open(true);
    machine.events_left = 0;
    machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    expect_left_out("events");
}

/* ---- where devices are -------------------------------------------------------------------- */

static void test_nobody(void **state)
{
    (void)state;
    machine_open(false);
    machine_find();
    assert_int_equal(machine.found_count + machine.report_count, 0);
    machine_open(false);
    machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine.no_bridge = true;
    machine_find();
    assert_int_equal(machine.found_count + machine.report_count + machine.config_accesses, 0);
    machine_open(true);
    machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine.unmappable = true;
    machine_find();
    assert_int_equal(machine.found_count, 0);
    assert_int_equal(machine.report_count, 1);
}

static void test_others_left_alone(void **state)
{
    struct machine_function *rng, *other;

    (void)state;
    machine_open(true);
    rng = machine_modern(1u << 3, 4, 0, 1, SIZE);
    other = machine_modern(2u << 3, VIRTIO_ID_BLOCK, 0, 1, SIZE);
    machine_config_set(other, PCI_ID, 2, 0x8086);
    expect_disk(machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE));
    assert_int_equal(rng->resets + other->resets, 0);
}

static void test_functions_and_bridges(void **state)
{
    struct machine_function *f, *bridge;

    (void)state;
    machine_open(true); /* 00:03.0 has a second function */
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    machine_modern(PLACE + 5u, VIRTIO_ID_NET, 0, 2, SIZE);
    machine_modern((4u << 3) + 1u, VIRTIO_ID_NET, 0, 2, SIZE); /* of no device: not there */
    machine_find();
    assert_int_equal(machine.found_count, 2);

    machine_open(true); /* two bridges lead to bus 2, one to itself */
    for (unsigned i = 1; i < 4; i++) {
        bridge = machine_modern(i << 3, VIRTIO_ID_BLOCK, 0, 1, SIZE);
        machine_config_set(bridge, PCI_ID, 2, 0x8086);
        machine_config_set(bridge, PCI_HEADER_TYPE, 1, PCI_HEADER_BRIDGE);
        machine_config_set(bridge, PCI_SECONDARY_BUS, 1, i < 3 ? 2 : 0);
    }
    expect_disk(machine_modern(2u << 8, VIRTIO_ID_BLOCK, BLK, 1, SIZE));
}

static void test_too_many(void **state)
{
    (void)state;
    machine_open(true);
    machine.bus.bus_last = 1;
    for (unsigned i = 0; i < PV_DEVICES_MAX + 2u; i++) {
        struct machine_function *f = machine_modern(i, VIRTIO_ID_BLOCK, BLK, 1, SIZE);

        machine_config_set(f, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    }
    machine_find();
    assert_int_equal(machine.found_count, PV_DEVICES_MAX);
    assert_int_equal(machine.report_count, 2);
    assert_non_null(strstr(machine.report, "too many"));
}

static void test_unassigned(void **state)
{
    struct machine_function *f, *other;

    (void)state;
    machine_open(true);
    machine.bus.memory_base = MACHINE_MEMORY;
    machine.bus.memory_bytes = 0x1000000;
    machine.bus.port_base = 0xc000;
    machine.bus.port_bytes = 0x100;
    other = machine_modern(1u << 3, VIRTIO_ID_NET, 0, 2, SIZE); /* has its addresses */
    machine_config_set(other, PCI_ID, 2, 0x8086);
    f = machine_transitional(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_BAR(0), 4, 1);
    machine_config_set(f, PCI_BAR(1), 4, 0);
    machine_config_set(f, PCI_BAR(4), 4, 0xc);
    machine_config_set(f, PCI_BAR(5), 4, 0);
    expect_disk(f);
    assert_int_equal(machine_config_get(f, PCI_BAR(0), 4), 0xc001);
    assert_int_equal(machine_config_get(f, PCI_BAR(1), 4), MACHINE_MEMORY + 0xc000);
    assert_int_equal(machine_config_get(f, PCI_BAR(4), 4), (MACHINE_MEMORY + 0x10000) | 0xc);

    machine_open(true);
    machine.bus.memory_base = MACHINE_MEMORY;
    machine.bus.memory_bytes = 0x3fff;
    f = machine_modern(PLACE, VIRTIO_ID_BLOCK, BLK, 1, SIZE);
    machine_config_set(f, PCI_BAR(4), 4, 0xc);
    expect_left_out("address space");
}

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
        cmocka_unit_test(test_modern),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_transitional),
        cmocka_unit_test(test_net),
        cmocka_unit_test(test_queue_shrinks),
        cmocka_unit_test(test_access_platform),
        cmocka_unit_test(test_shared_message),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_no_interrupt),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_others_left_alone),
        cmocka_unit_test(test_functions_and_bridges),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_unassigned),
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
        cmocka_unit_test(test_failed_is_silent),
        cmocka_unit_test(test_vanished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
