/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over a page of registers (mmio.h). Section numbers are those of virtio 1.2. A
 * queue's size is read once, when it is first asked for; everything else is asked of the device
 * when it is needed, and each answer is used once.
 */
#include "mmio.h"

#include "pvabi/errno.h"
#include "pvabi/pv.h"
#include "wire.h"

#define DEVICES_MAX 32u
#define PAGE_BYTES 4096u

/* Registers (4.2.2, and 4.2.4 for those marked legacy). */
#define MMIO_MAGIC 0x00u
#define MMIO_VERSION 0x04u
#define MMIO_DEVICE_ID 0x08u
#define MMIO_DEVICE_FEATURES 0x10u
#define MMIO_DEVICE_FEATURES_SELECT 0x14u
#define MMIO_DRIVER_FEATURES 0x20u
#define MMIO_DRIVER_FEATURES_SELECT 0x24u
#define MMIO_GUEST_PAGE_BYTES 0x28u /* legacy */
#define MMIO_QUEUE_SELECT 0x30u
#define MMIO_QUEUE_SIZE_MAX 0x34u
#define MMIO_QUEUE_SIZE 0x38u
#define MMIO_QUEUE_ALIGN 0x3cu /* legacy */
#define MMIO_QUEUE_PAGE 0x40u  /* legacy */
#define MMIO_QUEUE_READY 0x44u
#define MMIO_QUEUE_NOTIFY 0x50u
#define MMIO_STATUS 0x70u
#define MMIO_QUEUE_DESC 0x80u
#define MMIO_QUEUE_DRIVER 0x90u
#define MMIO_QUEUE_DEVICE 0xa0u
#define MMIO_CONFIG_GENERATION 0xfcu
#define MMIO_CONFIG 0x100u

#define MAGIC 0x74726976u /* "virt" */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u
#define STATUS_FAILED 128u
#define RESET_TRIES 100000u

struct mmio_device {
    struct virtio_transport transport; /* first: what frontends see */
    const struct virtio_host *host;
    char *registers;
    uint64_t config_bytes;
    uint16_t event_first;
    bool legacy, stuck;    /* stuck: it does not reset, so it counts as one without queues */
    uint16_t queues_known; /* a bit for each queue whose size was read */
    uint16_t queue_sizes[VIRTIO_MMIO_QUEUES_MAX]; /* the greatest powers of two; 0: none */
};

static struct mmio_device mmio_devices[DEVICES_MAX] __attribute__((section(".bss..cold")));
static unsigned mmio_count;

static const struct mmio_device *mmio_of(const struct virtio_transport *transport)
{
    return (const struct mmio_device *)(const void *)transport;
}

static uint32_t mmio_read(const struct mmio_device *device, unsigned at)
{
    return device->host->read(device->registers + at, 4);
}

static void mmio_write(const struct mmio_device *device, unsigned at, uint32_t value)
{
    device->host->write(device->registers + at, 4, value);
}

static void mmio_write64(const struct mmio_device *device, unsigned at, const void *address)
{
    mmio_write(device, at, (uint32_t)(uintptr_t)address);
    mmio_write(device, at + 4, (uint32_t)((uint64_t)(uintptr_t)address >> 32));
}

static int mmio_reset(const struct mmio_device *device)
{
    mmio_write(device, MMIO_STATUS, 0);
    for (unsigned i = 0; i < RESET_TRIES; i++) {
        if (mmio_read(device, MMIO_STATUS) == 0)
            return 0;
    }
    return -EIO;
}

static int mmio_begin(const struct virtio_transport *transport)
{
    const struct mmio_device *device = mmio_of(transport);
    int result = mmio_reset(device);

    if (result < 0)
        return result;
    mmio_write(device, MMIO_STATUS, STATUS_ACKNOWLEDGE);
    mmio_write(device, MMIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    if (device->legacy)
        mmio_write(device, MMIO_GUEST_PAGE_BYTES, PAGE_BYTES);
    return 0;
}

static uint64_t mmio_features(const struct virtio_transport *transport)
{
    const struct mmio_device *device = mmio_of(transport);
    uint64_t features;

    mmio_write(device, MMIO_DEVICE_FEATURES_SELECT, 0);
    features = mmio_read(device, MMIO_DEVICE_FEATURES);
    if (device->legacy)
        return features;
    mmio_write(device, MMIO_DEVICE_FEATURES_SELECT, 1);
    return features | (uint64_t)mmio_read(device, MMIO_DEVICE_FEATURES) << 32;
}

static int mmio_accept(const struct virtio_transport *transport, uint64_t features)
{
    const struct mmio_device *device = mmio_of(transport);

    mmio_write(device, MMIO_DRIVER_FEATURES_SELECT, 0);
    mmio_write(device, MMIO_DRIVER_FEATURES, (uint32_t)features);
    if (device->legacy)
        return 0;
    if (!(features & VIRTIO_F_VERSION_1))
        return -EIO;
    mmio_write(device, MMIO_DRIVER_FEATURES_SELECT, 1);
    mmio_write(device, MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
    mmio_write(device, MMIO_STATUS, mmio_read(device, MMIO_STATUS) | STATUS_FEATURES_OK);
    return mmio_read(device, MMIO_STATUS) & STATUS_FEATURES_OK ? 0 : -EIO;
}

/* The greatest power of two that a queue may have. */
static uint16_t mmio_size_of(const struct mmio_device *device, unsigned queue)
{
    uint32_t most;
    uint16_t size = 1;

    mmio_write(device, MMIO_QUEUE_SELECT, queue);
    most = mmio_read(device, MMIO_QUEUE_SIZE_MAX);
    if (most == 0)
        return 0;
    while (size <= most / 2 && size < 32768u)
        size = (uint16_t)(size << 1);
    return size;
}

static uint16_t mmio_queue_size(const struct virtio_transport *transport, unsigned queue,
                                uint16_t wanted)
{
    struct mmio_device *device = (struct mmio_device *)(uintptr_t)transport;
    uint16_t size;

    if (queue >= VIRTIO_MMIO_QUEUES_MAX || device->stuck)
        return 0;
    if (!(device->queues_known & 1u << queue)) {
        device->queues_known |= (uint16_t)(1u << queue);
        device->queue_sizes[queue] = mmio_size_of(device, queue);
    }
    size = device->queue_sizes[queue];
    while (size > wanted)
        size = (uint16_t)(size >> 1);
    return size;
}

/* Where the device's part begins: the legacy interface has it on a page of its own (2.7.2). */
static size_t mmio_used_offset(const struct mmio_device *device, uint16_t size)
{
    size_t align = device->legacy ? PAGE_BYTES : 64;

    return (VIRTQ_DESC_BYTES(size) + VIRTQ_AVAIL_BYTES(size) + align - 1) & -align;
}

static size_t mmio_queue_bytes(const struct virtio_transport *transport, unsigned queue,
                               uint16_t size)
{
    size_t bytes = mmio_used_offset(mmio_of(transport), size) + VIRTQ_USED_BYTES(size);

    (void)queue;
    return (bytes + PAGE_BYTES - 1) & -(size_t)PAGE_BYTES;
}

static int mmio_queue_setup(const struct virtio_transport *transport, unsigned queue, uint16_t size,
                            void *memory, struct virtio_queue_place *place)
{
    const struct mmio_device *device = mmio_of(transport);
    char *at = memory;
    uint32_t most;

    *place = (struct virtio_queue_place){
        .desc = at,
        .avail = at + VIRTQ_DESC_BYTES(size),
        .used = at + mmio_used_offset(device, size),
        .event = device->event_first + queue % VIRTIO_MMIO_EVENTS,
    };
    mmio_write(device, MMIO_QUEUE_SELECT, queue);
    most = mmio_read(device, MMIO_QUEUE_SIZE_MAX);
    if (size == 0 || size > most ||
        mmio_read(device, device->legacy ? MMIO_QUEUE_PAGE : MMIO_QUEUE_READY) != 0)
        return -EIO;
    mmio_write(device, MMIO_QUEUE_SIZE, size);
    if (device->legacy) {
        if ((uint64_t)(uintptr_t)memory / PAGE_BYTES > UINT32_MAX)
            return -EIO;
        mmio_write(device, MMIO_QUEUE_ALIGN, PAGE_BYTES);
        mmio_write(device, MMIO_QUEUE_PAGE, (uint32_t)((uintptr_t)memory / PAGE_BYTES));
        return 0;
    }
    mmio_write64(device, MMIO_QUEUE_DESC, place->desc);
    mmio_write64(device, MMIO_QUEUE_DRIVER, place->avail);
    mmio_write64(device, MMIO_QUEUE_DEVICE, place->used);
    mmio_write(device, MMIO_QUEUE_READY, 1);
    return 0;
}

static void mmio_status_add(const struct mmio_device *device, uint32_t bit)
{
    mmio_write(device, MMIO_STATUS, mmio_read(device, MMIO_STATUS) | bit);
}

static void mmio_driver_ok(const struct virtio_transport *transport)
{
    mmio_status_add(mmio_of(transport), STATUS_DRIVER_OK);
}

static void mmio_notify(const struct virtio_transport *transport, unsigned queue)
{
    pv_counters.doorbells++;
    mmio_write(mmio_of(transport), MMIO_QUEUE_NOTIFY, queue);
}

static uint64_t mmio_config_read(const struct virtio_transport *transport, uint32_t offset,
                                 unsigned bytes)
{
    const struct mmio_device *device = mmio_of(transport);
    const char *at = device->registers + MMIO_CONFIG + offset;

    if (offset > device->config_bytes || bytes > device->config_bytes - offset)
        return 0;
    if (bytes < 8)
        return device->host->read(at, bytes);
    /* 64-bit fields are read in halves (4.2.2.2); the generation tells if they belong together. */
    return device->host->read(at, 4) | (uint64_t)device->host->read(at + 4, 4) << 32;
}

static void mmio_config_write(const struct virtio_transport *transport, uint32_t offset,
                              uint32_t value)
{
    const struct mmio_device *device = mmio_of(transport);

    if (offset <= device->config_bytes && sizeof(value) <= device->config_bytes - offset)
        mmio_write(device, MMIO_CONFIG + offset, value);
}

static uint32_t mmio_config_generation(const struct virtio_transport *transport)
{
    const struct mmio_device *device = mmio_of(transport);

    return device->legacy ? 0 : mmio_read(device, MMIO_CONFIG_GENERATION);
}

/* The interrupt's status tells it from used buffers, and the platform raises the event (mmio.h). */
static unsigned mmio_config_event(const struct virtio_transport *transport)
{
    (void)transport;
    return PV_EVENT_SYSTEM;
}

static bool mmio_working(const struct virtio_transport *transport)
{
    uint32_t status = mmio_read(mmio_of(transport), MMIO_STATUS);

    return (status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
}

static void mmio_fail(const struct virtio_transport *transport)
{
    mmio_status_add(mmio_of(transport), STATUS_FAILED);
}

static const struct virtio_transport_ops mmio_transport_ops = {
    .begin = mmio_begin,
    .features = mmio_features,
    .accept = mmio_accept,
    .queue_size = mmio_queue_size,
    .queue_bytes = mmio_queue_bytes,
    .queue_setup = mmio_queue_setup,
    .driver_ok = mmio_driver_ok,
    .notify = mmio_notify,
    .config_read = mmio_config_read,
    .config_write = mmio_config_write,
    .config_generation = mmio_config_generation,
    .config_event = mmio_config_event,
    .working = mmio_working,
    .fail = mmio_fail,
};

uint32_t virtio_mmio_type(const struct virtio_host *host, void *registers, uint64_t bytes)
{
    const char *at = registers;
    uint32_t version;

    if (bytes < VIRTIO_MMIO_BYTES_MIN || host->read(at + MMIO_MAGIC, 4) != MAGIC)
        return 0;
    version = host->read(at + MMIO_VERSION, 4);
    if (version != 1 && version != 2)
        return 0;
    return host->read(at + MMIO_DEVICE_ID, 4);
}

const struct virtio_transport *virtio_mmio_open(const struct virtio_host *host, void *registers,
                                                uint64_t bytes, unsigned event_first)
{
    struct mmio_device *device = &mmio_devices[mmio_count];

    if (mmio_count == DEVICES_MAX)
        return NULL;
    *device = (struct mmio_device){
        .transport = {&mmio_transport_ops},
        .host = host,
        .registers = registers,
        .config_bytes = bytes > MMIO_CONFIG ? bytes - MMIO_CONFIG : 0,
        .event_first = (uint16_t)event_first,
        .legacy = host->read((const char *)registers + MMIO_VERSION, 4) == 1,
    };
    device->stuck = mmio_reset(device) < 0;
    mmio_count++;
    return &device->transport;
}
