/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/pci.c pvabi/virtio/pci_config.c pvabi/virtio/pci_space.c */
/* sources: pvabi/virtio/pci_capabilities.c pvabi/virtio/pci_interrupts.c pvabi/virtio/pci_modern.c */
/* sources: pvabi/virtio/pci_legacy.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: pvabi/virtio/blk.c pvabi/virtio/blk_request.c pvabi/virtio/net.c */
/* sources: pvabi/virtio/net_frames.c */
/* sources: tests/unit/support/device.c */
/* sources: tests/unit/support/pci_machine.c tests/unit/support/pci_function.c */
/*
 * Fuzzes the PCI transport: configuration spaces, BARs and what each device register reads as come
 * from the input. What must hold: every access lies in what was mapped, aligned (the machine
 * looks), a queue's size is sound and always the same, and an attach comes to an end.
 */
#include <sys/mman.h>

#include "pvabi/virtio/blk.h"
#include "pvabi/virtio/net.h"
#include "tests/unit/support/hostile.h"
#include "tests/unit/support/pci_machine.h"

#define MEMORY_BYTES (8u << 20)

struct pv_counters pv_counters;

static struct bytes input;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t input_register(void)
{
    return next32(&input);
}

/* An honest device, with some bytes of its configuration space changed. */
static void function_open(unsigned n)
{
    static struct machine_function *(*const make[])(unsigned, uint32_t, uint64_t, unsigned,
                                                    uint16_t) = {machine_modern, machine_legacy,
                                                                 machine_transitional};
    uint8_t kind = next8(&input);
    struct machine_function *f = make[kind % 3u](n << 3, 1u + (kind & 1u), next32(&input), 2,
                                                 (uint16_t)(1u << next8(&input) % 9u));

    f->notify_offset[0] = next16(&input);
    f->stuck = next8(&input) > 250u;
    f->refuses = next8(&input) > 250u;
    f->refuses_vectors = next8(&input) > 250u;
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (next8(&input) > 200u)
            f->bar_mask[i] = next32(&input);
    for (unsigned changes = next8(&input) % 16u; changes > 0; changes--) {
        uint8_t at = next8(&input);

        if (at >= 4u || kind > 250u)
            f->config[at] = next8(&input);
    }
    for (unsigned i = 0; i < 16u; i++)
        f->device_config[i] = next8(&input);
}

static void blk_try(const struct pv_device *device, void *memory)
{
    static uint8_t data[512];
    struct pv_segment segment = {data, sizeof(data)};
    struct pv_blk_request request = {
        .operation = PV_BLK_READ, .segments = &segment, .segment_count = 1, .cookie = data};
    struct pv_blk *blk;

    if (virtio_blk_ops.attach(device, memory, &blk) == 0) {
        require(blk->event >= 2 && blk->event < PV_EVENT_COUNT);
        virtio_blk_ops.submit(blk, &request);
        virtio_blk_ops.kick(blk);
        virtio_blk_ops.refresh(blk);
    } else {
        require(blk->fault);
    }
}

static void net_try(const struct pv_device *device, void *memory)
{
    static uint8_t data[2048];
    struct pv_net *net;

    if (virtio_net_ops.attach(device, memory, &net) == 0) {
        require(net->rx_event != net->tx_event);
        virtio_net_ops.rx_post(net, data, sizeof(data), data);
        virtio_net_ops.rx_kick(net);
    } else {
        require(net->fault);
    }
}

static void device_try(unsigned n, void *memory)
{
    struct pv_device device = {.family = PV_FAMILY_VIRTIO, .transport = machine.found[n]};
    const struct virtio_transport *transport = machine.found[n];
    size_t bytes;

    for (unsigned i = 0; i < 6u; i++) {
        uint16_t size = transport->ops->queue_size(transport, i, 128);

        require((size & (size - 1u)) == 0);
        require(transport->ops->queue_size(transport, i, 128) == size);
    }
    transport->ops->config_read(transport, next32(&input), 1u << next8(&input) % 4u);
    device.class = machine.types[n] == VIRTIO_ID_NET ? PV_NET : PV_BLK;
    bytes = device.class == PV_NET ? virtio_net_ops.memory_bytes(&device)
                                   : virtio_blk_ops.memory_bytes(&device);
    require(bytes <= MEMORY_BYTES && bytes % 4096u == 0);
    memset(memory, 0, bytes);
    if (device.class == PV_NET)
        net_try(&device, memory);
    else
        blk_try(&device, memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *memory; /* below 2^44, for legacy devices */
    uint8_t how;

    if (!memory)
        memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    require(memory != MAP_FAILED);
    input = (struct bytes){data, size};
    how = next8(&input);
    machine_open(how & 1u);
    if (how & 2u) {
        machine.bus.memory_base = 0xf0000000u;
        machine.bus.memory_bytes = 0x1000000u;
        machine.bus.port_base = 0xc000u;
        machine.bus.port_bytes = 0x400u;
    }
    machine.vectors_left = how & 4u ? next8(&input) % 8u : 64u;
    for (unsigned n = 1; n <= 1u + (how >> 6); n++)
        function_open(n);
    machine_find();
    if (how & 8u)
        machine.hostile = input_register;
    for (unsigned i = 0; i < machine.found_count; i++)
        device_try(i, memory);
    return 0;
}
