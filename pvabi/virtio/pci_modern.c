/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transport of modern PCI devices (virtio 1.2, 4.1.4.3 and 4.1.5): everything goes through the
 * common configuration structure. Called by the frontends through pci_modern_ops; pci.c found the
 * structures.
 */
#include "pci_device.h"

/* How often the status is read until a reset has happened: each time is an exit of the VM. */
#define RESET_TRIES 100000u

#define COMMON_READ(device, field) \
    PCI_READ((device), &(device)->structures[VIRTIO_PCI_COMMON], virtio_pci_common, field)
#define COMMON_WRITE(device, field, value) \
    PCI_WRITE((device), &(device)->structures[VIRTIO_PCI_COMMON], virtio_pci_common, field, (value))

int pci_modern_reset(const struct pci_device *device)
{
    COMMON_WRITE(device, status, 0);
    for (unsigned i = 0; i < RESET_TRIES; i++)
        if (COMMON_READ(device, status) == 0)
            return 0;
    return -EIO;
}

static void status_add(const struct pci_device *device, uint32_t bits)
{
    COMMON_WRITE(device, status, COMMON_READ(device, status) | bits);
}

static int modern_begin(const struct virtio_transport *transport)
{
    const struct pci_device *device = pci_device_of(transport);
    uint16_t vector = device->vectors[PCI_QUEUES_MAX];

    if (pci_modern_reset(device) < 0)
        return -EIO;
    status_add(device, VIRTIO_STATUS_ACKNOWLEDGE);
    status_add(device, VIRTIO_STATUS_DRIVER);
    if (vector == VIRTIO_PCI_NO_VECTOR)
        return 0;
    COMMON_WRITE(device, config_vector, vector);
    return COMMON_READ(device, config_vector) == vector ? 0 : -EIO;
}

static uint64_t modern_features(const struct virtio_transport *transport)
{
    const struct pci_device *device = pci_device_of(transport);
    uint64_t low;

    COMMON_WRITE(device, device_feature_select, 0);
    low = COMMON_READ(device, device_feature);
    COMMON_WRITE(device, device_feature_select, 1);
    return low | (uint64_t)COMMON_READ(device, device_feature) << 32;
}

static int modern_accept(const struct virtio_transport *transport, uint64_t features)
{
    const struct pci_device *device = pci_device_of(transport);
    uint32_t status;

    if (!(features & VIRTIO_F_VERSION_1)) /* 6.1: this interface has nothing else */
        return -EIO;
    /* 6.1: the device's addresses go through the platform's IOMMU, if there is one. None is
     * switched on, so this changes nothing, and some devices insist. */
    features |= modern_features(transport) & VIRTIO_F_ACCESS_PLATFORM;
    COMMON_WRITE(device, driver_feature_select, 0);
    COMMON_WRITE(device, driver_feature, (uint32_t)features);
    COMMON_WRITE(device, driver_feature_select, 1);
    COMMON_WRITE(device, driver_feature, (uint32_t)(features >> 32));
    status_add(device, VIRTIO_STATUS_FEATURES_OK);
    status = COMMON_READ(device, status);
    return status != VIRTIO_STATUS_GONE && status & VIRTIO_STATUS_FEATURES_OK ? 0 : -EIO;
}

static uint16_t modern_queue_size(const struct virtio_transport *transport, unsigned number,
                                  uint16_t wanted)
{
    struct pci_device *device = pci_device_of(transport);
    struct pci_queue *queue;

    if (number >= device->queue_count)
        return 0;
    queue = &device->queues[number];
    if (!queue->size_known) {
        uint16_t size;

        COMMON_WRITE(device, queue_select, number);
        size = (uint16_t)COMMON_READ(device, queue_size);
        queue->size_known = true;
        if ((size & (size - 1u)) == 0) /* a power of two; otherwise the queue counts as missing */
            queue->size = size;
    }
    return queue->size < wanted ? queue->size : wanted;
}

static size_t modern_queue_bytes(const struct virtio_transport *transport, unsigned number,
                                 uint16_t size)
{
    struct virtio_queue_place place;

    (void)transport, (void)number;
    return pci_queue_lay_out(NULL, size, VIRTQ_USED_ALIGN, &place);
}

/* Where the queue's bell is (4.1.4.4): the device chooses, within the structure. */
static int notify_find(struct pci_device *device, unsigned number)
{
    uint64_t offset = (uint64_t)COMMON_READ(device, queue_notify_offset) *
                      device->notify_multiplier;

    if (offset + sizeof(uint16_t) > device->structures[VIRTIO_PCI_NOTIFY].bytes)
        return -EIO;
    device->queues[number].notify_offset = (uint32_t)offset;
    return 0;
}

static int modern_queue_setup(const struct virtio_transport *transport, unsigned number,
                              uint16_t size, void *memory, struct virtio_queue_place *place)
{
    struct pci_device *device = pci_device_of(transport);
    uint16_t vector = device->vectors[number];
    uint64_t desc, avail, used;

    (void)pci_queue_lay_out(memory, size, VIRTQ_USED_ALIGN, place);
    place->event = device->event_first + number;
    desc = (uintptr_t)place->desc, avail = (uintptr_t)place->avail, used = (uintptr_t)place->used;

    COMMON_WRITE(device, queue_select, number);
    COMMON_WRITE(device, queue_size, size);
    if (notify_find(device, number) < 0)
        return -EIO;
    if (vector != VIRTIO_PCI_NO_VECTOR) {
        COMMON_WRITE(device, queue_vector, vector);
        if (COMMON_READ(device, queue_vector) != vector)
            return -EIO;
    }
    COMMON_WRITE(device, queue_desc[0], (uint32_t)desc);
    COMMON_WRITE(device, queue_desc[1], (uint32_t)(desc >> 32));
    COMMON_WRITE(device, queue_driver[0], (uint32_t)avail);
    COMMON_WRITE(device, queue_driver[1], (uint32_t)(avail >> 32));
    COMMON_WRITE(device, queue_device[0], (uint32_t)used);
    COMMON_WRITE(device, queue_device[1], (uint32_t)(used >> 32));
    COMMON_WRITE(device, queue_enable, 1);
    return 0;
}

static void modern_driver_ok(const struct virtio_transport *transport)
{
    const struct pci_device *device = pci_device_of(transport);

    pci_interrupts_mask(device, false);
    status_add(device, VIRTIO_STATUS_DRIVER_OK);
}

static void modern_notify(const struct virtio_transport *transport, unsigned number)
{
    const struct pci_device *device = pci_device_of(transport);

    pv_counters.doorbells++;
    pci_region_write(device, &device->structures[VIRTIO_PCI_NOTIFY],
                     device->queues[number].notify_offset, sizeof(uint16_t), number);
}

static uint64_t modern_config_read(const struct virtio_transport *transport, uint32_t offset,
                                   unsigned bytes)
{
    const struct pci_device *device = pci_device_of(transport);

    return pci_config_field(device, &device->structures[VIRTIO_PCI_CONFIG], 0, offset, bytes);
}

static void modern_config_write(const struct virtio_transport *transport, uint32_t offset,
                                uint32_t value)
{
    const struct pci_device *device = pci_device_of(transport);

    pci_config_field_write(device, &device->structures[VIRTIO_PCI_CONFIG], 0, offset, value);
}

static uint32_t modern_config_generation(const struct virtio_transport *transport)
{
    return COMMON_READ(pci_device_of(transport), config_generation);
}

/* What is not there any more reads as all ones, or as zeros. */
static bool modern_working(const struct virtio_transport *transport)
{
    uint32_t status = COMMON_READ(pci_device_of(transport), status);

    return (status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
           VIRTIO_STATUS_DRIVER_OK;
}

static void modern_fail(const struct virtio_transport *transport)
{
    const struct pci_device *device = pci_device_of(transport);

    status_add(device, VIRTIO_STATUS_FAILED);
    pci_interrupts_mask(device, true);
}

const struct virtio_transport_ops pci_modern_ops = {
    .begin = modern_begin,
    .features = modern_features,
    .accept = modern_accept,
    .queue_size = modern_queue_size,
    .queue_bytes = modern_queue_bytes,
    .queue_setup = modern_queue_setup,
    .driver_ok = modern_driver_ok,
    .notify = modern_notify,
    .config_read = modern_config_read,
    .config_write = modern_config_write,
    .config_generation = modern_config_generation,
    .config_event = pci_config_event,
    .working = modern_working,
    .fail = modern_fail,
};
