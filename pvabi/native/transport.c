/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio without a bus: the boot record describes each device, the monitor has laid its rings out,
 * features and status are two words in shared memory. Nothing here traps but the doorbell. The
 * record belongs to the monitor, who owns the guest's memory; what a ring says is another matter
 * and is checked by the virtqueue.
 */
#include "../virtio/transport.h"

#include "../virtio/wire.h"
#include "platform.h"
#include "pvabi/errno.h"

struct native_device {
    struct virtio_transport transport; /* first: what frontends see */
    const struct pvn_device *record;
    struct pvn_device_control *control;
    uint32_t config_bytes;
    uint16_t queue_sizes[PVN_QUEUES_MAX];
};

static struct native_device natives[PVN_DEVICES_MAX];
static struct pv_device devices[PVN_DEVICES_MAX];
static unsigned device_count;
_Static_assert(PVN_DEVICES_MAX <= PV_DEVICES_MAX, "devices");

static const struct native_device *native_of(const struct virtio_transport *transport)
{
    return (const struct native_device *)(const void *)transport;
}

static int native_begin(const struct virtio_transport *transport)
{
    return native_of(transport)->control ? 0 : -EIO; /* no firmware was here: nothing to reset */
}

static uint64_t native_features(const struct virtio_transport *transport)
{
    return native_of(transport)->record->features | VIRTIO_F_VERSION_1; /* implied (ABI.md) */
}

static int native_accept(const struct virtio_transport *transport, uint64_t features)
{
    const struct native_device *native = native_of(transport);

    native->control->features = features & native->record->features;
    return 0;
}

static uint16_t native_queue_size(const struct virtio_transport *transport, unsigned queue,
                                  uint16_t wanted)
{
    (void)wanted; /* the rings are laid out already */
    return queue < PVN_QUEUES_MAX ? native_of(transport)->queue_sizes[queue] : 0;
}

static size_t native_queue_bytes(const struct virtio_transport *transport, unsigned queue,
                                 uint16_t size)
{
    (void)transport, (void)queue, (void)size;
    return 0;
}

static int native_queue_setup(const struct virtio_transport *transport, unsigned queue,
                              uint16_t size, void *memory, struct virtio_queue_place *place)
{
    const struct pvn_queue *given = &native_of(transport)->record->queues[queue];
    uint64_t desc = given->desc, driver = given->driver, device = given->device;

    (void)size, (void)memory;
    if (desc == 0 || driver == 0 || device == 0 || desc % VIRTQ_DESC_ALIGN != 0 ||
        driver % VIRTQ_AVAIL_ALIGN != 0 || device % VIRTQ_USED_ALIGN != 0 ||
        given->event >= PV_EVENT_COUNT)
        return -EIO;
    *place = (struct virtio_queue_place){(void *)desc, (void *)driver, (void *)device,
                                         given->event};
    return 0;
}

static void native_driver_ok(const struct virtio_transport *transport)
{
    /* Release: `features` and the rings must not be written after `status`, which tells the monitor
     * to look at them. */
    __atomic_store_n(&native_of(transport)->control->status, PVN_DEVICE_DRIVER_OK,
                     __ATOMIC_RELEASE);
}

static void native_notify(const struct virtio_transport *transport, unsigned queue)
{
    native_doorbell(native_of(transport)->record->queues[queue].doorbell);
}

static uint64_t native_config_read(const struct virtio_transport *transport, uint32_t offset,
                                   unsigned bytes)
{
    const struct native_device *native = native_of(transport);
    uintptr_t at = (uintptr_t)native->record->config + offset;

    if (offset > native->config_bytes || bytes > native->config_bytes - offset)
        return 0;
    switch (bytes) {
    case 1:
        return *(const volatile uint8_t *)at;
    case 2:
        return *(const volatile uint16_t *)at;
    case 4:
        return *(const volatile uint32_t *)at;
    default:
        return *(const volatile uint64_t *)at;
    }
}

/* The ABI has nothing there that a driver writes. */
static void native_config_write(const struct virtio_transport *transport, uint32_t offset,
                                uint32_t value)
{
    (void)transport, (void)offset, (void)value;
}

static uint32_t native_config_generation(const struct virtio_transport *transport)
{
    /* Acquire: loads of the configuration must not rise above this one; seen after them, the same
     * value proves that they belong together (x86 does not reorder loads). */
    return __atomic_load_n(&native_of(transport)->record->config_generation, __ATOMIC_ACQUIRE);
}

static unsigned native_config_event(const struct virtio_transport *transport)
{
    uint16_t event = native_of(transport)->record->config_event;

    return event < PV_EVENT_COUNT ? event : PV_EVENT_SYSTEM;
}

/* The ABI has no word for it: a device whose doorbell does not ring any more is given up. */
static void native_fail(const struct virtio_transport *transport)
{
    (void)transport;
}

static const struct virtio_transport_ops native_transport_ops = {
    .begin = native_begin,
    .features = native_features,
    .accept = native_accept,
    .queue_size = native_queue_size,
    .queue_bytes = native_queue_bytes,
    .queue_setup = native_queue_setup,
    .driver_ok = native_driver_ok,
    .notify = native_notify,
    .config_read = native_config_read,
    .config_write = native_config_write,
    .config_generation = native_config_generation,
    .config_event = native_config_event,
    .fail = native_fail,
};

static EARLY void native_device_take(const struct pvn_device *record, enum pv_class class,
                                     enum pv_family family)
{
    struct native_device *native = &natives[device_count];
    struct pv_device *device = &devices[device_count];

    native->transport.ops = &native_transport_ops;
    native->record = record;
    native->control = (struct pvn_device_control *)record->control;
    native->config_bytes = record->config_bytes;
    for (unsigned i = 0; i < PVN_QUEUES_MAX && i < record->queue_count; i++) {
        uint16_t size = record->queues[i].size;

        if ((size & (size - 1u)) == 0) /* a power of two; otherwise the queue counts as missing */
            native->queue_sizes[i] = size;
    }
    device->class = class;
    device->family = family;
    device->index = record->index;
    device->transport = &native->transport;
    __builtin_memcpy(device->net.ip4, record->net.ip4, sizeof(device->net.ip4));
    __builtin_memcpy(device->net.gateway4, record->net.gateway4, sizeof(device->net.gateway4));
    __builtin_memcpy(device->net.dns4, record->net.dns4, sizeof(device->net.dns4));
    if (record->net.prefix4 <= 32u)
        device->net.prefix4 = record->net.prefix4;
    device_count++;
}

EARLY void native_devices_find(const void *table, unsigned count, uint32_t stride)
{
    enum pv_class class;
    enum pv_family family;

    for (unsigned i = 0; i < count; i++) {
        const struct pvn_device *record = (const void *)((const char *)table + (size_t)i * stride);

        if (virtio_class_of(record->type, &class, &family))
            native_device_take(record, class, family);
    }
}

const struct pv_device *native_devices(unsigned *count)
{
    *count = device_count;
    return devices;
}
