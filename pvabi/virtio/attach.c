/* SPDX-License-Identifier: BSD-2-Clause */
/* What all virtio frontends do when they attach (attach.h). */
#include "attach.h"

#include "pvabi/errno.h"

#define PAGE_BYTES 4096u

void *virtio_arena_take(struct virtio_arena *arena, size_t bytes, size_t align)
{
    size_t at = (arena->used + align - 1u) & ~(align - 1u);

    arena->used = at + bytes;
    return (void *)(arena->base + at);
}

size_t virtio_arena_bytes(const struct virtio_arena *arena)
{
    return (arena->used + PAGE_BYTES - 1u) & ~(size_t)(PAGE_BYTES - 1u);
}

struct virtio_queue_memory virtio_queue_take(struct virtio_arena *arena,
                                             const struct virtio_transport *transport,
                                             unsigned queue, uint16_t wanted, size_t request_bytes)
{
    struct virtio_queue_memory memory = {
        .size = transport->ops->queue_size(transport, queue, wanted),
    };
    size_t ring_bytes;

    if (memory.size == 0)
        return memory;
    memory.table = virtio_arena_take(arena, virtqueue_table_bytes(memory.size), 16);
    memory.requests = virtio_arena_take(arena, request_bytes * memory.size, 64);
    ring_bytes = transport->ops->queue_bytes(transport, queue, memory.size);
    if (ring_bytes)
        memory.rings = virtio_arena_take(arena, ring_bytes, PAGE_BYTES);
    return memory;
}

int virtio_negotiate_by(const struct virtio_transport *transport, uint64_t wanted,
                        uint64_t (*choose)(uint64_t offered), uint64_t *features)
{
    int result = transport->ops->begin(transport);

    if (result < 0)
        return result;
    wanted |= VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_ANY_LAYOUT;
    *features = transport->ops->features(transport) & wanted;
    if (choose)
        *features = choose(*features);
    return transport->ops->accept(transport, *features);
}

int virtio_negotiate(const struct virtio_transport *transport, uint64_t wanted, uint64_t *features)
{
    return virtio_negotiate_by(transport, wanted, NULL, features);
}

int virtio_queue_attach(const struct virtio_transport *transport, unsigned queue,
                        const struct virtio_queue_memory *memory, uint64_t features,
                        struct virtqueue *vq, unsigned *event)
{
    struct virtio_queue_place place;
    int result = transport->ops->queue_setup(transport, queue, memory->size, memory->rings, &place);

    if (result < 0)
        return result;
    virtqueue_init(vq, memory->size, memory->table, &place, (features & VIRTIO_F_EVENT_IDX) != 0);
    *event = place.event;
    return 0;
}
