/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy frontend (virtio 1.2, 5.4) behind struct pv_rng_ops: one queue, and each buffer in it
 * is one that the device fills. Relies on the virtqueue and a transport; called by the kernel
 * through pv_rng_frontends.
 */
#include "rng.h"

#include "attach.h"
#include "pvabi/errno.h"

#define RNG_RING_WANTED 4u

struct virtio_rng {
    struct pv_rng rng; /* first: what the kernel sees */
    const struct virtio_transport *transport;
    uint64_t features;
    struct virtqueue vq;
};

struct rng_memory {
    struct virtio_rng *frontend;
    struct virtio_queue_memory queue;
};

static struct rng_memory rng_memory_take(struct virtio_arena *arena,
                                         const struct virtio_transport *transport)
{
    struct rng_memory memory;

    memory.frontend = virtio_arena_take(arena, sizeof(struct virtio_rng), 64);
    memory.queue = virtio_queue_take(arena, transport, 0, RNG_RING_WANTED, 0);
    return memory;
}

static struct virtio_rng *frontend_of(struct pv_rng *rng)
{
    return (struct virtio_rng *)(void *)rng;
}

/* Out of service: tells the device and keeps the first reason. */
static int rng_fail(struct virtio_rng *frontend, const char *reason)
{
    if (!frontend->rng.fault) {
        frontend->rng.fault = reason;
        virtqueue_fail(&frontend->vq, reason);
        frontend->transport->ops->fail(frontend->transport);
    }
    return -EIO;
}

static size_t rng_memory_bytes(const struct pv_device *device)
{
    struct virtio_arena arena = {0};

    (void)rng_memory_take(&arena, device->transport);
    return virtio_arena_bytes(&arena);
}

static int rng_attach(const struct pv_device *device, void *memory, struct pv_rng **rng)
{
    const struct virtio_transport *transport = device->transport;
    struct virtio_arena arena = {.base = (uintptr_t)memory};
    struct rng_memory parts = rng_memory_take(&arena, transport);
    struct virtio_rng *frontend = parts.frontend;

    frontend->transport = transport;
    *rng = &frontend->rng;
    if (parts.queue.size == 0)
        return rng_fail(frontend, "queue is missing");
    if (virtio_negotiate(transport, 0, &frontend->features) < 0)
        return rng_fail(frontend, "feature negotiation failed");
    if (virtio_queue_attach(transport, 0, &parts.queue, frontend->features, &frontend->vq,
                            &frontend->rng.event) < 0)
        return rng_fail(frontend, "queue set-up failed");
    transport->ops->driver_ok(transport);
    return 0;
}

static int rng_post(struct pv_rng *rng, void *buffer, uint32_t bytes)
{
    struct virtqueue_buffer part = {buffer, bytes};

    if (rng->fault)
        return -EIO;
    if (bytes == 0)
        return -EINVAL;
    return virtqueue_add(&frontend_of(rng)->vq, &part, 0, 1, buffer);
}

static void rng_kick(struct pv_rng *rng)
{
    struct virtio_rng *frontend = frontend_of(rng);

    if (virtqueue_publish(&frontend->vq))
        frontend->transport->ops->notify(frontend->transport, 0);
}

static int rng_take(struct pv_rng *rng, void **buffer, uint32_t *bytes)
{
    struct virtio_rng *frontend = frontend_of(rng);
    struct virtqueue_used used;
    int got = virtqueue_take(&frontend->vq, &used);

    if (got < 0)
        return rng_fail(frontend, frontend->vq.fault);
    if (got == 0)
        return 0;
    *buffer = used.cookie;
    *bytes = used.bytes;
    return 1;
}

static bool rng_ask(struct pv_rng *rng)
{
    return virtqueue_ask(&frontend_of(rng)->vq);
}

const struct pv_rng_ops virtio_rng_ops = {
    .memory_bytes = rng_memory_bytes,
    .attach = rng_attach,
    .post = rng_post,
    .kick = rng_kick,
    .take = rng_take,
    .ask = rng_ask,
};
