/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio device that tests play (device.h). */
#include "tests/unit/support/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct device *device_of(const struct virtio_transport *transport)
{
    return (struct device *)(uintptr_t)transport;
}

static void *zeroed(size_t align, size_t bytes)
{
    void *memory = NULL;

    if (posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0)
        abort();
    return memset(memory, 0, bytes);
}

void device_queue_open(struct device_queue *queue, uint16_t size)
{
    *queue = (struct device_queue){
        .size = size,
        .desc = zeroed(VIRTQ_DESC_ALIGN, VIRTQ_DESC_BYTES(size)),
        .avail = zeroed(VIRTQ_AVAIL_ALIGN, VIRTQ_AVAIL_BYTES(size)),
        .used = zeroed(VIRTQ_USED_ALIGN, VIRTQ_USED_BYTES(size)),
    };
}

void device_queue_close(struct device_queue *queue)
{
    free(queue->desc);
    free(queue->avail);
    free(queue->used);
    *queue = (struct device_queue){0};
}

struct virtio_queue_place device_queue_place(const struct device_queue *queue)
{
    return (struct virtio_queue_place){queue->desc, queue->avail, queue->used, 0};
}

/* ---- the transport ------------------------------------------------------------------------ */

static int test_begin(const struct virtio_transport *transport)
{
    device_of(transport)->begun = true;
    return 0;
}

static uint64_t test_features(const struct virtio_transport *transport)
{
    return device_of(transport)->offered;
}

static int test_accept(const struct virtio_transport *transport, uint64_t features)
{
    device_of(transport)->accepted = features;
    return device_of(transport)->refuses ? -EIO : 0;
}

static uint16_t test_queue_size(const struct virtio_transport *transport, unsigned queue,
                                uint16_t wanted)
{
    (void)wanted;
    return queue < DEVICE_QUEUES ? device_of(transport)->queues[queue].size : 0;
}

static size_t test_queue_bytes(const struct virtio_transport *transport, unsigned queue,
                               uint16_t size)
{
    (void)queue;
    if (!device_of(transport)->driver_rings)
        return 0;
    return VIRTQ_DESC_BYTES(size) + VIRTQ_AVAIL_BYTES(size) + VIRTQ_USED_BYTES(size) + 4u;
}

static int test_queue_setup(const struct virtio_transport *transport, unsigned queue, uint16_t size,
                            void *memory, struct virtio_queue_place *place)
{
    struct device *device = device_of(transport);
    struct device_queue *own = &device->queues[queue];

    if (device->breaks_set_up)
        return -EIO;
    if (device->driver_rings) {
        uintptr_t at = (uintptr_t)memory;

        device_queue_close(own);
        own->size = size;
        own->desc = (void *)at;
        own->avail = (void *)(at += VIRTQ_DESC_BYTES(size));
        own->used = (void *)((at + VIRTQ_AVAIL_BYTES(size) + 3u) & ~(uintptr_t)3u);
    }
    own->set_up = true;
    *place = device_queue_place(own);
    place->event = 10u + queue;
    return 0;
}

static void test_driver_ok(const struct virtio_transport *transport)
{
    device_of(transport)->driver_ok = true;
}

static void test_notify(const struct virtio_transport *transport, unsigned queue)
{
    struct device *device = device_of(transport);

    device->queues[queue].notified++;
    if (device->on_notify)
        device->on_notify(device, queue);
}

static uint64_t test_config_read(const struct virtio_transport *transport, uint32_t offset,
                                 unsigned bytes)
{
    struct device *device = device_of(transport);
    uint64_t value = 0;

    if (offset > device->config_bytes || bytes > device->config_bytes - offset)
        return 0;
    memcpy(&value, device->config + offset, bytes);
    return value;
}

static void test_config_write(const struct virtio_transport *transport, uint32_t offset,
                              uint32_t value)
{
    struct device *device = device_of(transport);

    if (offset <= DEVICE_CONFIG_BYTES - 4 && offset % 4 == 0)
        device->written[offset / 4] = value;
    device->config_writes++;
}

static uint32_t test_config_generation(const struct virtio_transport *transport)
{
    struct device *device = device_of(transport);

    return device->restless ? device->generation++ : device->generation;
}

static bool test_working(const struct virtio_transport *transport)
{
    return !device_of(transport)->gone;
}

static unsigned test_config_event(const struct virtio_transport *transport)
{
    (void)transport;
    return 9;
}

static void test_fail(const struct virtio_transport *transport)
{
    device_of(transport)->failed++;
}

static const struct virtio_transport_ops test_ops = {
    .begin = test_begin,
    .features = test_features,
    .accept = test_accept,
    .queue_size = test_queue_size,
    .queue_bytes = test_queue_bytes,
    .queue_setup = test_queue_setup,
    .driver_ok = test_driver_ok,
    .notify = test_notify,
    .config_read = test_config_read,
    .config_write = test_config_write,
    .config_generation = test_config_generation,
    .working = test_working,
    .config_event = test_config_event,
    .fail = test_fail,
};

void device_open(struct device *device, enum pv_class class, uint64_t offered, unsigned queue_count,
                 uint16_t size)
{
    *device = (struct device){
        .transport.ops = &test_ops,
        .offered = offered,
        .config_bytes = DEVICE_CONFIG_BYTES,
    };
    device->pv = (struct pv_device){
        .class = class, .family = PV_FAMILY_VIRTIO, .transport = &device->transport};
    for (unsigned i = 0; i < queue_count; i++)
        device_queue_open(&device->queues[i], size);
}

void device_close(struct device *device)
{
    for (unsigned i = 0; i < DEVICE_QUEUES; i++)
        if (!device->driver_rings || !device->queues[i].set_up)
            device_queue_close(&device->queues[i]);
}

/* ---- the device's side of a queue --------------------------------------------------------- */

bool device_next(struct device_queue *queue, uint16_t *head)
{
    if (queue->avail->idx == queue->avail_next)
        return false;
    *head = queue->avail->ring[queue->avail_next++ & (queue->size - 1u)];
    return true;
}

struct virtq_desc *device_desc(const struct device_queue *queue, uint16_t head, unsigned n)
{
    struct virtq_desc *desc = &queue->desc[head];

    for (; n > 0; n--) {
        if (!(desc->flags & VIRTQ_DESC_NEXT))
            return NULL;
        desc = &queue->desc[desc->next];
    }
    return desc;
}

void *device_buffer(const struct device_queue *queue, uint16_t head, unsigned n)
{
    return (void *)(uintptr_t)device_desc(queue, head, n)->address;
}

unsigned device_chain_length(const struct device_queue *queue, uint16_t head)
{
    unsigned n = 0;

    while (device_desc(queue, head, n))
        n++;
    return n;
}

void device_use(struct device_queue *queue, uint32_t id, uint32_t bytes)
{
    queue->used->ring[queue->used->idx & (queue->size - 1u)] = (struct virtq_used_element){id,
                                                                                           bytes};
    queue->used->idx++;
}

uint16_t device_used_event(const struct device_queue *queue)
{
    return queue->avail->ring[queue->size];
}

void device_avail_event_set(struct device_queue *queue, uint16_t event)
{
    memcpy(&queue->used->ring[queue->size], &event, sizeof(event));
}
