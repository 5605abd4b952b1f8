/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block frontends attached to the PCI devices of a machine that the test plays (pci_machine.h). For
 * cmocka tests, which include it once.
 */
#ifndef TESTS_PCI_BED_H
#define TESTS_PCI_BED_H

#include <string.h>
#include <sys/mman.h>

#include "pvabi/virtio/blk.h"
#include "tests/unit/support/pci_machine.h"

#define SIZE 64u
#define PLACE (3u << 3) /* pci 00:03.0 */
static size_t attached_bytes;

static const uint64_t BLK = VIRTIO_BLK_F_SEG_MAX | VIRTIO_F_EVENT_IDX;

static inline struct pv_device pv_device_of(unsigned n)
{
    return (struct pv_device){.class = machine.types[n] == VIRTIO_ID_NET ? PV_NET : PV_BLK,
                              .family = PV_FAMILY_VIRTIO,
                              .transport = machine.found[n]};
}

/* Legacy devices reach 44 bits of addresses; of the machine's memory that is true of itself. */
static inline void *attach_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    attached_bytes = bytes;
    return memory;
}

static inline void release(void *memory)
{
    munmap(memory, attached_bytes);
}

/* Attaches the block frontend to the n-th device found. */
static inline int blk_attach(unsigned n, void **memory, struct pv_blk **blk)
{
    struct pv_device device = pv_device_of(n);

    *memory = attach_memory(virtio_blk_ops.memory_bytes(&device));
    return virtio_blk_ops.attach(&device, *memory, blk);
}

static inline void blk_configure(struct machine_function *f)
{
    struct virtio_blk_config config = {.capacity = 0x100000007ull, .seg_max = 4};

    memcpy(f->device_config, &config, sizeof(config));
}

static inline bool interrupts_queue(const struct machine_function *f, unsigned queue,
                                    unsigned event)
{
    const struct virtio_source *source = machine_message(f, f->vectors[queue]);

    return source && !source->status && !source->status_port && event >= source->event_first &&
           event - source->event_first < source->event_count;
}

/* One read goes through the device and comes back. */
static inline void carry_read(struct machine_function *f, struct pv_blk *blk)
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
static inline void expect_disk(struct machine_function *f)
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

static inline void expect_left_out(const char *words)
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

#endif
