/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/pci.c pvabi/virtio/pci_config.c pvabi/virtio/pci_space.c */
/* sources: pvabi/virtio/pci_capabilities.c pvabi/virtio/pci_interrupts.c pvabi/virtio/pci_modern.c */
/* sources: pvabi/virtio/pci_legacy.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: pvabi/virtio/blk.c pvabi/virtio/blk_request.c pvabi/virtio/net.c */
/* sources: pvabi/virtio/net_frames.c */
/* sources: tests/unit/support/device.c */
/* sources: tests/unit/support/pci_machine.c tests/unit/support/pci_function.c */
/*
 * The PCI transport against a machine that the test plays: devices of every kind are found wherever
 * they are, and carry a request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pvabi/virtio/net.h"
#include "tests/unit/support/pci_bed.h"

struct pv_counters pv_counters;

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
