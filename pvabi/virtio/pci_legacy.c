/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transport of PCI devices that know only the legacy interface (virtio 1.2, 4.1.4.10):
 * registers in the first BAR, queues of the device's size in one page-aligned piece, no VERSION_1,
 * no generation. Called by the frontends through pci_legacy_ops.
 */
#include "pci_device.h"

#define LEGACY_READ(device, field) PCI_READ((device), &(device)->legacy, virtio_pci_legacy, field)
#define LEGACY_WRITE(device, field, value) \
    PCI_WRITE((device), &(device)->legacy, virtio_pci_legacy, field, (value))

int pci_legacy_reset(const struct pci_device *device)
{
    LEGACY_WRITE(device, status, 0);
    return LEGACY_READ(device, status) == 0 ? 0 : -EIO; /* 4.1.4.10: it has happened by then */
}

static void status_add(const struct pci_device *device, uint32_t bits)
{
    LEGACY_WRITE(device, status, LEGACY_READ(device, status) | bits);
}

static int legacy_begin(const struct virtio_transport *transport)
{
    const struct pci_device *device = pci_device_of(transport);
    uint16_t vector = device->vectors[PCI_QUEUES_MAX];

    if (pci_legacy_reset(device) < 0)
        return -EIO;
    status_add(device, VIRTIO_STATUS_ACKNOWLEDGE);
    status_add(device, VIRTIO_STATUS_DRIVER);
    if (vector == VIRTIO_PCI_NO_VECTOR)
        return 0;
    LEGACY_WRITE(device, config_vector, vector);
    return LEGACY_READ(device, config_vector) == vector ? 0 : -EIO;
}

static uint64_t legacy_features(const struct virtio_transport *transport)
{
    return LEGACY_READ(pci_device_of(transport), device_feature);
}

static int legacy_accept(const struct virtio_transport *transport, uint64_t features)
{
    const struct pci_device *device = pci_device_of(transport);

    LEGACY_WRITE(device, driver_feature, (uint32_t)features);
    return 0; /* it has no way to refuse */
}

static uint16_t legacy_queue_size(const struct virtio_transport *transport, unsigned number,
                                  uint16_t wanted)
{
    struct pci_device *device = pci_device_of(transport);
    struct pci_queue *queue;

    (void)wanted; /* the device's size is not to be changed */
    if (number >= device->queue_count)
        return 0;
    queue = &device->queues[number];
    if (!queue->size_known) {
        uint16_t size;

        LEGACY_WRITE(device, queue_select, number);
        size = (uint16_t)LEGACY_READ(device, queue_size);
        queue->size_known = true;
        if ((size & (size - 1u)) == 0) /* a power of two; otherwise the queue counts as missing */
            queue->size = size;
    }
    return queue->size;
}

static size_t legacy_queue_bytes(const struct virtio_transport *transport, unsigned number,
                                 uint16_t size)
{
    struct virtio_queue_place place;

    (void)transport, (void)number;
    return pci_queue_lay_out(NULL, size, VIRTIO_PAGE_BYTES, &place); /* 2.7.2 */
}

static int legacy_queue_setup(const struct virtio_transport *transport, unsigned number,
                              uint16_t size, void *memory, struct virtio_queue_place *place)
{
    struct pci_device *device = pci_device_of(transport);
    uint16_t vector = device->vectors[number];
    uint64_t page = (uintptr_t)memory / VIRTIO_PAGE_BYTES;

    if (page > UINT32_MAX)
        return -EIO;
    (void)pci_queue_lay_out(memory, size, VIRTIO_PAGE_BYTES, place);
    place->event = device->event_first + number;

    LEGACY_WRITE(device, queue_select, number);
    if (vector != VIRTIO_PCI_NO_VECTOR) {
        LEGACY_WRITE(device, queue_vector, vector);
        if (LEGACY_READ(device, queue_vector) != vector)
            return -EIO;
    }
    LEGACY_WRITE(device, queue_page, (uint32_t)page);
    return 0;
}

static void legacy_driver_ok(const struct virtio_transport *transport)
{
    const struct pci_device *device = pci_device_of(transport);

    pci_interrupts_mask(device, false);
    status_add(device, VIRTIO_STATUS_DRIVER_OK);
}

static void legacy_notify(const struct virtio_transport *transport, unsigned number)
{
    const struct pci_device *device = pci_device_of(transport);

    pv_counters.doorbells++;
    LEGACY_WRITE(device, queue_notify, number);
}

static uint64_t legacy_config_read(const struct virtio_transport *transport, uint32_t offset,
                                   unsigned bytes)
{
    const struct pci_device *device = pci_device_of(transport);

    return pci_config_field(device, &device->legacy, device->config_offset, offset, bytes);
}

static void legacy_config_write(const struct virtio_transport *transport, uint32_t offset,
                                uint32_t value)
{
    const struct pci_device *device = pci_device_of(transport);

    pci_config_field_write(device, &device->legacy, device->config_offset, offset, value);
}

static uint32_t legacy_config_generation(const struct virtio_transport *transport)
{
    (void)transport;
    return 0;
}

/* What is not there any more reads as all ones, or as zeros. */
static bool legacy_working(const struct virtio_transport *transport)
{
    uint32_t status = LEGACY_READ(pci_device_of(transport), status);

    return (status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
           VIRTIO_STATUS_DRIVER_OK;
}

static void legacy_fail(const struct virtio_transport *transport)
{
    const struct pci_device *device = pci_device_of(transport);

    status_add(device, VIRTIO_STATUS_FAILED);
    pci_interrupts_mask(device, true);
}

const struct virtio_transport_ops pci_legacy_ops = {
    .begin = legacy_begin,
    .features = legacy_features,
    .accept = legacy_accept,
    .queue_size = legacy_queue_size,
    .queue_bytes = legacy_queue_bytes,
    .queue_setup = legacy_queue_setup,
    .driver_ok = legacy_driver_ok,
    .notify = legacy_notify,
    .config_read = legacy_config_read,
    .config_write = legacy_config_write,
    .config_generation = legacy_config_generation,
    .config_event = pci_config_event,
    .working = legacy_working,
    .fail = legacy_fail,
};
