/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a split virtqueue (virtio 1.2, 2.7). The guest may write the three shared
 * parts at any moment, so every shared value is loaded once, and only the checked copy is used.
 * Relies on memory_at for buffers; called by the backends.
 */
#include "vring.h"

#include <assert.h>
#include <errno.h>

/* virtio 1.2, 2.7.5: a descriptor */
#define DESC_F_NEXT 1u
#define DESC_F_WRITE 2u
#define DESC_F_INDIRECT 4u

struct ring_desc {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

/* virtio 1.2, 2.7.6: the driver's part; the used event follows heads[size] */
#define DRIVER_F_NO_INTERRUPT 1u

struct ring_driver {
    uint16_t flags;
    uint16_t index;
    uint16_t heads[];
};

/* virtio 1.2, 2.7.8: the device's part; the avail event follows used[size] */

struct ring_used {
    uint32_t head;
    uint32_t bytes;
};

struct ring_device {
    uint16_t flags;
    uint16_t index;
    struct ring_used used[];
};

_Static_assert(sizeof(struct ring_desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(offsetof(struct ring_driver, heads) == 4, "virtio 1.2, 2.7.6");
_Static_assert(offsetof(struct ring_device, used) == 4, "virtio 1.2, 2.7.8");

static uint16_t *used_event(const struct vring *ring)
{
    struct ring_driver *driver = ring->driver;

    return &driver->heads[ring->size];
}

static uint16_t *avail_event(const struct vring *ring)
{
    struct ring_device *device = ring->device;

    return (uint16_t *)(void *)&device->used[ring->size];
}

void vring_init(struct vring *ring, const struct guest_memory *memory, void *desc, void *driver,
                void *device, uint16_t size, uint16_t event)
{
    assert(size > 0 && size <= VRING_SIZE_MAX && (size & (size - 1u)) == 0);
    *ring = (struct vring){
        .memory = memory,
        .desc = desc,
        .driver = driver,
        .device = device,
        .size = size,
        .event = event,
    };
}

void vring_begin(struct vring *ring, uint64_t features)
{
    ring->event_index = (features & VRING_F_EVENT_INDEX) != 0;
}

static int ring_fault(struct vring *ring, const char *rule)
{
    ring->fault = rule;
    return -EPROTO;
}

/* How many buffers wait, or -EPROTO when more are named than the ring can hold. */
static int ring_waiting(struct vring *ring)
{
    const struct ring_driver *driver = ring->driver;
    uint16_t waiting, in_flight;

    if (ring->fault != NULL)
        return -EPROTO;
    /* Acquire: the heads and descriptors of the buffers that this index covers are read after it,
     * never before, when they were not yet written. */
    waiting = (uint16_t)(__atomic_load_n(&driver->index, __ATOMIC_ACQUIRE) - ring->next_avail);
    in_flight = (uint16_t)(ring->next_avail - ring->next_used);
    if (waiting > ring->size - in_flight)
        return ring_fault(ring, "the available index jumps further than the queue is long");
    return waiting;
}

bool vring_is_empty(struct vring *ring)
{
    return ring_waiting(ring) <= 0;
}

static struct ring_desc ring_load_desc(const struct vring *ring, uint16_t index)
{
    const struct ring_desc *shared = (const struct ring_desc *)ring->desc + index;

    return (struct ring_desc){
        .address = __atomic_load_n(&shared->address, __ATOMIC_RELAXED),
        .bytes = __atomic_load_n(&shared->bytes, __ATOMIC_RELAXED),
        .flags = __atomic_load_n(&shared->flags, __ATOMIC_RELAXED),
        .next = __atomic_load_n(&shared->next, __ATOMIC_RELAXED),
    };
}

static int chain_add(struct vring *ring, struct vring_chain *chain, const struct ring_desc *desc)
{
    bool writable = (desc->flags & DESC_F_WRITE) != 0;
    uint32_t *bytes = writable ? &chain->writable_bytes : &chain->readable_bytes;
    unsigned count = (unsigned)chain->readable_count + chain->writable_count;
    void *host;

    if ((desc->flags & DESC_F_INDIRECT) != 0)
        return ring_fault(ring, "an indirect descriptor, which was not offered");
    if (!writable && chain->writable_count > 0)
        return ring_fault(ring, "a readable descriptor after a writable one");
    if (desc->bytes > VRING_CHAIN_BYTES_MAX - *bytes)
        return ring_fault(ring, "a buffer of more than 1 GiB");
    host = memory_at(ring->memory, (gpa_t){desc->address}, desc->bytes,
                     writable ? MEMORY_WRITE : MEMORY_READ);
    if (host == NULL)
        return ring_fault(ring, writable ? "a writable descriptor outside writable RAM"
                                         : "a readable descriptor outside RAM");
    if (desc->bytes == 0)
        return 0;
    *bytes += desc->bytes;
    chain->segments[count] = (struct iovec){.iov_base = host, .iov_len = desc->bytes};
    if (writable)
        chain->writable_count++;
    else
        chain->readable_count++;
    return 0;
}

int vring_next(struct vring *ring, struct vring_chain *chain)
{
    const struct ring_driver *driver = ring->driver;
    int waiting = ring_waiting(ring);
    uint16_t index;

    if (waiting <= 0)
        return waiting;
    index = __atomic_load_n(&driver->heads[ring->next_avail & (ring->size - 1u)], __ATOMIC_RELAXED);
    if (index >= ring->size)
        return ring_fault(ring, "a head outside the descriptor table");
    chain->head = index;
    chain->readable_count = chain->writable_count = 0;
    chain->readable_bytes = chain->writable_bytes = 0;

    /* At most `size` descriptors: that ends a loop too (2.7.5.3.1). */
    for (unsigned i = 0; i < ring->size; i++) {
        struct ring_desc desc = ring_load_desc(ring, index);
        int result = chain_add(ring, chain, &desc);

        if (result < 0)
            return result;
        if ((desc.flags & DESC_F_NEXT) == 0) {
            ring->next_avail++;
            ring->chain_count++;
            return 1;
        }
        if (desc.next >= ring->size)
            return ring_fault(ring, "a next field outside the descriptor table");
        index = desc.next;
    }
    return ring_fault(ring, "a chain longer than the queue");
}

void vring_use(struct vring *ring, uint16_t head, uint32_t written_bytes)
{
    struct ring_device *device = ring->device;
    struct ring_used *used = &device->used[ring->next_used & (ring->size - 1u)];

    assert(ring->next_used != ring->next_avail);
    __atomic_store_n(&used->head, head, __ATOMIC_RELAXED);
    __atomic_store_n(&used->bytes, written_bytes, __ATOMIC_RELAXED);
    ring->next_used++;
}

bool vring_publish(struct vring *ring)
{
    struct ring_device *device = ring->device;
    const struct ring_driver *driver = ring->driver;
    uint16_t before = ring->published;
    uint16_t after = ring->next_used;
    bool wanted;

    if (before == after)
        return false;
    /* Release: the used elements and the data in the buffers are visible before the index that
     * covers them. */
    __atomic_store_n(&device->index, after, __ATOMIC_RELEASE);
    ring->published = after;

    /* No lost event: (1) we store the used index, (2) full barrier, (3) we load what the guest
     * asked for. The guest (1) stores its request, (2) full barrier, (3) loads the used index.
     * Without the barrier our load could pass our store, and both sides would miss the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ring->event_index) {
        uint16_t event = __atomic_load_n(used_event(ring), __ATOMIC_RELAXED);

        /* Did the index pass the event? (2.7.10) */
        wanted = (uint16_t)(after - event - 1u) < (uint16_t)(after - before);
    } else {
        wanted = (__atomic_load_n(&driver->flags, __ATOMIC_RELAXED) & DRIVER_F_NO_INTERRUPT) == 0;
    }
    ring->event_count += wanted;
    return wanted;
}

void vring_disable_doorbell(struct vring *ring)
{
    if (ring->event_index)
        __atomic_store_n(avail_event(ring), (uint16_t)(ring->next_avail - 1u), __ATOMIC_RELAXED);
}

bool vring_enable_doorbell(struct vring *ring)
{
    /* With event index, a doorbell rings when the available index passes this entry and not again
     * after it, so busy times need no call to switch doorbells off. Without it, the flag that
     * would switch them off stays clear: doorbells ring for each buffer and coalesce. */
    if (ring->event_index)
        __atomic_store_n(avail_event(ring), ring->next_avail, __ATOMIC_RELAXED);

    /* No lost doorbell: (1) we store the entry we wait for, (2) full barrier, (3) we load the
     * available index. The guest (1) stores the index, (2) full barrier, (3) loads the entry.
     * Without the barrier our load could pass our store, and both would see old values. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return ring_waiting(ring) != 0;
}
