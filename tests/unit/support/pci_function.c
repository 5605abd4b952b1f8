/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of the virtio devices in the machine with a PCI bus (pci_function.h). */
#include "tests/unit/support/pci_function.h"

#include <string.h>

/* ---- a device's registers ----------------------------------------------------------------- */

static void function_reset(struct machine_function *f)
{
    f->resets++;
    if (f->stuck)
        return;
    f->status = 0;
    f->isr = 0;
    f->accepted = 0;
    f->config_vector = VIRTIO_PCI_NO_VECTOR;
    for (unsigned i = 0; i < MACHINE_QUEUES; i++) {
        f->vectors[i] = VIRTIO_PCI_NO_VECTOR;
        f->enabled[i] = 0;
        memset(f->rings[i], 0, sizeof(f->rings[i]));
    }
}

static void status_write(struct machine_function *f, uint32_t value)
{
    if (value == 0) {
        function_reset(f);
        return;
    }
    f->status = (uint8_t)value;
    if (f->refuses)
        f->status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
}

/* A word of the vector table; what lies behind it is nobody's. */
static uint32_t *msix_word(struct machine_function *f, uint32_t at)
{
    static uint32_t nobody;

    return at / 16u < MACHINE_VECTORS_MAX ? &f->msix[at / 16u][at % 16u / 4u] : &nobody;
}

static uint16_t vector_kept(const struct machine_function *f, uint32_t value)
{
    return f->refuses_vectors ? VIRTIO_PCI_NO_VECTOR : (uint16_t)value;
}

#define AT(field) offsetof(struct virtio_pci_common, field)

static uint32_t common_read(struct machine_function *f, uint32_t at)
{
    unsigned q = f->queue_select;

    if (at == AT(device_feature))
        return (uint32_t)(f->offered >> (f->feature_select[0] ? 32 : 0));
    if (at == AT(config_vector))
        return f->config_vector;
    if (at == AT(status))
        return f->status;
    if (at == AT(num_queues))
        return MACHINE_QUEUES;
    if (at == AT(config_generation))
        return 0;
    if (q >= MACHINE_QUEUES)
        return 0;
    if (at == AT(queue_size))
        return f->queues[q].size;
    if (at == AT(queue_vector))
        return f->vectors[q];
    if (at == AT(queue_notify_offset))
        return f->notify_offset[q];
    return 0;
}

static void common_write(struct machine_function *f, uint32_t at, uint32_t value)
{
    unsigned q = f->queue_select;

    if (at == AT(device_feature_select))
        f->feature_select[0] = value;
    else if (at == AT(driver_feature_select))
        f->feature_select[1] = value;
    else if (at == AT(driver_feature))
        f->accepted |= (uint64_t)value << (f->feature_select[1] ? 32 : 0);
    else if (at == AT(config_vector))
        f->config_vector = vector_kept(f, value);
    else if (at == AT(status))
        status_write(f, value);
    else if (at == AT(queue_select))
        f->queue_select = (uint16_t)value;
    if (q >= MACHINE_QUEUES)
        return;
    if (at == AT(queue_size))
        f->queues[q].size = (uint16_t)value;
    else if (at == AT(queue_vector))
        f->vectors[q] = vector_kept(f, value);
    else if (at == AT(queue_enable))
        f->enabled[q] = value;
    else if (at >= AT(queue_desc) && at < sizeof(struct virtio_pci_common))
        memcpy((uint8_t *)f->rings[q] + (at - AT(queue_desc)), &value, 4);
}

#undef AT
#define AT(field) offsetof(struct virtio_pci_legacy, field)

bool function_msix_enabled(const struct machine_function *f)
{
    unsigned at = f->config[PCI_CAPABILITIES];

    return at && f->config[at] == PCI_CAPABILITY_MSIX &&
           machine_config_get(f, at + PCI_MSIX_CONTROL, 2) & PCI_MSIX_CONTROL_ENABLE;
}

static uint32_t device_config_read(const struct machine_function *f, uint32_t at, unsigned bytes)
{
    uint32_t value = 0;

    if (at + bytes <= sizeof(f->device_config))
        memcpy(&value, f->device_config + at, bytes);
    return value;
}

static uint32_t legacy_read(struct machine_function *f, uint32_t at, unsigned bytes)
{
    unsigned q = f->queue_select;
    uint32_t config = function_msix_enabled(f) ? VIRTIO_PCI_LEGACY_CONFIG_MSIX
                                               : VIRTIO_PCI_LEGACY_CONFIG_LINE;
    uint32_t isr = f->isr;

    if (at >= config)
        return device_config_read(f, at - config, bytes);
    if (at == AT(device_feature))
        return (uint32_t)f->offered;
    if (at == AT(status))
        return f->status;
    if (at == AT(isr)) {
        f->isr = 0;
        return isr;
    }
    if (at == AT(config_vector))
        return f->config_vector;
    if (q >= MACHINE_QUEUES)
        return 0;
    if (at == AT(queue_size))
        return f->queues[q].size;
    return at == AT(queue_vector) ? f->vectors[q] : 0;
}

static void legacy_write(struct machine_function *f, uint32_t at, uint32_t value)
{
    unsigned q = f->queue_select;

    if (at == AT(driver_feature))
        f->accepted = value;
    else if (at == AT(status))
        status_write(f, value);
    else if (at == AT(queue_select))
        f->queue_select = (uint16_t)value;
    else if (at == AT(queue_notify) && value < MACHINE_QUEUES)
        f->queues[value].notified++;
    else if (at == AT(config_vector) && function_msix_enabled(f))
        f->config_vector = vector_kept(f, value);
    if (q >= MACHINE_QUEUES)
        return;
    if (at == AT(queue_page)) {
        uint64_t size = f->queues[q].size, base = (uint64_t)value << 12;

        f->enabled[q] = value != 0;
        f->rings[q][0] = base;
        f->rings[q][1] = base + 16u * size;
        f->rings[q][2] = (base + 16u * size + 6u + 2u * size + 4095u) & ~4095ull;
    } else if (at == AT(queue_vector) && function_msix_enabled(f)) {
        f->vectors[q] = vector_kept(f, value);
    }
}

/* ---- address space ------------------------------------------------------------------------ */

/* The function and BAR that decode an address; *at becomes the offset. */
static struct machine_function *decode(uint64_t address, bool ports, unsigned *bar, uint32_t *at)
{
    for (unsigned i = 0; i < machine.function_count; i++) {
        struct machine_function *f = &machine.functions[i];
        uint32_t command = machine_config_get(f, PCI_COMMAND, 2);

        if (!f->present || !(command & (ports ? PCI_COMMAND_PORTS : PCI_COMMAND_MEMORY)))
            continue;
        for (unsigned j = 0; j < PCI_BARS; j++) {
            uint32_t low = machine_config_get(f, PCI_BAR(j), 4);
            uint64_t size = -(uint64_t)(int32_t)f->bar_mask[j], base = low & ~0xfu;

            if (f->bar_mask[j] == 0 || f->bar_mask[j] == UINT32_MAX || (low & 1u) != ports)
                continue;
            if (!ports && (low & 6u) == 4u)
                base |= (uint64_t)machine_config_get(f, PCI_BAR(j + 1u), 4) << 32;
            if (address < base || address - base >= size)
                continue;
            *bar = j;
            *at = (uint32_t)(address - base);
            return f;
        }
    }
    return NULL;
}

uint32_t function_space_read(uint64_t address, bool ports, unsigned bytes)
{
    unsigned bar;
    uint32_t at, value;
    struct machine_function *f;

    machine.accesses++;
    if (machine.hostile)
        return machine.hostile() & machine_ones(bytes);
    f = decode(address, ports, &bar, &at);
    if (!f || f->gone)
        return machine_ones(bytes);
    if (bar == 0)
        return legacy_read(f, at, bytes);
    if (bar == 1)
        return *msix_word(f, at);
    if (at >= MACHINE_NOTIFY)
        return 0;
    if (at >= MACHINE_CONFIG)
        return device_config_read(f, at - MACHINE_CONFIG, bytes);
    if (at >= MACHINE_ISR) {
        value = f->isr;
        f->isr = 0;
        return value;
    }
    return common_read(f, at);
}

void function_space_write(uint64_t address, bool ports, uint32_t value)
{
    unsigned bar;
    uint32_t at;
    struct machine_function *f;

    machine.accesses++;
    if (machine.hostile)
        return;
    f = decode(address, ports, &bar, &at);
    if (!f || f->gone)
        return;
    if (bar == 0)
        legacy_write(f, at, value);
    else if (bar == 1)
        *msix_word(f, at) = value;
    else if (at >= MACHINE_NOTIFY && at % MACHINE_MULTIPLIER == 0 &&
             (at - MACHINE_NOTIFY) / MACHINE_MULTIPLIER == value && value < MACHINE_QUEUES)
        f->queues[value].notified++;
    else if (at < MACHINE_ISR)
        common_write(f, at, value);
}
