/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all virtio frontends do when they attach: measure and part the memory they are handed,
 * negotiate features, set up queues, read the configuration. Used by the frontends only.
 */
#ifndef VIRTIO_ATTACH_H
#define VIRTIO_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport.h"
#include "virtqueue.h"

/* Memory given out piece by piece. With base 0 it only counts, and the pieces are not to be used:
 * so a frontend measures and parts its memory with the same code. */
struct virtio_arena {
    uintptr_t base;
    size_t used;
};

void *virtio_arena_take(struct virtio_arena *arena, size_t bytes, size_t align);
/* What was counted, in whole pages. */
size_t virtio_arena_bytes(const struct virtio_arena *arena);

/* The memory of one queue. */
struct virtio_queue_memory {
    uint16_t size;  /* descriptors; 0: the device has no such queue */
    void *table;    /* the driver's own */
    void *requests; /* `size` pieces of request_bytes, one for each head */
    void *rings;    /* for the transport; NULL when it brings its own */
};

/* `request_bytes` may be 0. Requests are aligned to 64. */
struct virtio_queue_memory virtio_queue_take(struct virtio_arena *arena,
                                             const struct virtio_transport *transport,
                                             unsigned queue, uint16_t wanted, size_t request_bytes);

/* Resets the device and settles on `wanted` (and what every queue can use) as far as it is offered.
 * 0, or -EIO. */
int virtio_negotiate(const struct virtio_transport *transport, uint64_t wanted, uint64_t *features);
/* The same where features depend on each other: `choose` gets what is offered of `wanted` and
 * returns the part that makes sense together. */
int virtio_negotiate_by(const struct virtio_transport *transport, uint64_t wanted,
                        uint64_t (*choose)(uint64_t offered), uint64_t *features);

/* Puts a queue to work; *event is what it raises. 0, or -EIO. */
int virtio_queue_attach(const struct virtio_transport *transport, unsigned queue,
                        const struct virtio_queue_memory *memory, uint64_t features,
                        struct virtqueue *vq, unsigned *event);

/* One field of the device's configuration, by its name in the wire structure. */
#define VIRTIO_CONFIG_READ(transport, type, field)                                      \
    ((transport)->ops->config_read((transport), (uint32_t)offsetof(struct type, field), \
                                   sizeof(((struct type *)0)->field)))

/* How often a configuration is read that changes under our hands (2.5.1). */
#define VIRTIO_CONFIG_TRIES 8u

#endif
