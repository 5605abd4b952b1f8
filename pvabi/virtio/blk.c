/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block frontend (virtio 1.2, 5.2) behind struct pv_blk_ops. One request is one chain: header,
 * data segments, status byte; header and status lie in the attach memory, one piece for each head.
 * Relies on the virtqueue and a transport; called by the kernel through pv_blk_frontends.
 */
#include "blk.h"

#include "attach.h"
#include "blk_request.h"
#include "pvabi/errno.h"

#define BLK_PATIENCE_NS 1000000000ull
#define BLK_RING_WANTED 128u
#define BLK_DESCRIPTORS_MIN 3u  /* header, one segment, status */
#define BLK_SEGMENTS_MAX 6u     /* with header and status 8 descriptors */
#define BLK_SECTORS_MAX 0x8000u /* 16 MiB in one request */
#define BLK_BLOCK_BYTES_MAX 65536u
#define BLK_STATUS_UNWRITTEN 0xffu

#define BLK_FEATURES                                                                          \
    (VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE | \
     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD)

/* What the device reads and writes beside the data. */
struct blk_request {
    struct virtio_blk_header header;
    struct virtio_blk_discard discard;
    uint8_t status;
    uint8_t unused[31];
};
_Static_assert(sizeof(struct blk_request) == 64, "blk_request");

struct virtio_blk {
    struct pv_blk blk; /* first: what the kernel sees */
    const struct virtio_transport *transport;
    uint64_t features;
    struct virtqueue vq;
    struct blk_request *requests;
};

struct blk_memory {
    struct virtio_blk *frontend;
    struct virtio_queue_memory queue;
};

static struct blk_memory blk_memory_take(struct virtio_arena *arena,
                                         const struct virtio_transport *transport)
{
    struct blk_memory memory;

    memory.frontend = virtio_arena_take(arena, sizeof(struct virtio_blk), 64);
    memory.queue = virtio_queue_take(arena, transport, 0, BLK_RING_WANTED,
                                     sizeof(struct blk_request));
    return memory;
}

static struct virtio_blk *frontend_of(struct pv_blk *blk)
{
    return (struct virtio_blk *)(void *)blk;
}

/* Out of service: tells the device and keeps the first reason. */
static int blk_fail(struct virtio_blk *frontend, const char *reason)
{
    if (!frontend->blk.fault) {
        frontend->blk.fault = reason;
        virtqueue_fail(&frontend->vq, reason);
        frontend->transport->ops->fail(frontend->transport);
    }
    return -EIO;
}

/* A consistent copy of the fields that the accepted features give a meaning (2.5.1). */
static int blk_config_read(const struct virtio_blk *frontend, struct virtio_blk_config *config)
{
    const struct virtio_transport *transport = frontend->transport;
    uint64_t features = frontend->features;

    for (unsigned i = 0; i < VIRTIO_CONFIG_TRIES; i++) {
        uint32_t generation = transport->ops->config_generation(transport);

        *config = (struct virtio_blk_config){0};
        config->capacity = VIRTIO_CONFIG_READ(transport, virtio_blk_config, capacity);
        if (features & VIRTIO_BLK_F_SIZE_MAX)
            config->size_max = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_blk_config, size_max);
        if (features & VIRTIO_BLK_F_SEG_MAX)
            config->seg_max = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_blk_config, seg_max);
        if (features & VIRTIO_BLK_F_BLK_SIZE)
            config->blk_size = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_blk_config, blk_size);
        if (features & VIRTIO_BLK_F_DISCARD)
            config->max_discard_sectors = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_blk_config,
                                                                       max_discard_sectors);
        if (transport->ops->config_generation(transport) == generation)
            return 0;
    }
    return -EIO;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Derives the limits that the kernel sees from the device's configuration. Returns NULL or what is
 * wrong with the configuration. */
static const char *blk_limits_set(struct virtio_blk *frontend, unsigned size)
{
    struct pv_blk *blk = &frontend->blk;
    struct virtio_blk_config config;

    if (blk_config_read(frontend, &config) < 0)
        return "configuration does not come to rest";
    if (config.capacity > UINT64_MAX / PV_SECTOR_BYTES)
        return "capacity is too large";
    blk->sector_count = config.capacity;
    blk->read_only = (frontend->features & VIRTIO_BLK_F_RO) != 0;
    blk->can_flush = (frontend->features & VIRTIO_BLK_F_FLUSH) != 0;
    blk->can_discard = config.max_discard_sectors != 0 && !blk->read_only;

    blk->block_bytes = PV_SECTOR_BYTES;
    if (frontend->features & VIRTIO_BLK_F_BLK_SIZE)
        blk->block_bytes = config.blk_size;
    if (blk->block_bytes < PV_SECTOR_BYTES || blk->block_bytes > BLK_BLOCK_BYTES_MAX ||
        (blk->block_bytes & (blk->block_bytes - 1u)) != 0)
        return "block size is no power of two from 512 to 65536";

    blk->segments_max = 1;
    if (config.seg_max > 1u)
        blk->segments_max = least(config.seg_max, BLK_SEGMENTS_MAX);
    blk->segments_max = least(blk->segments_max, size - 2u);
    blk->requests_max = size / BLK_DESCRIPTORS_MIN;

    blk->sectors_max = BLK_SECTORS_MAX;
    if (frontend->features & VIRTIO_BLK_F_SIZE_MAX) /* then no single segment can be too long */
        blk->sectors_max = least(blk->sectors_max, config.size_max / PV_SECTOR_BYTES);
    if (blk->sectors_max < blk->block_bytes / PV_SECTOR_BYTES)
        return "segments hold less than a block";
    if (blk->can_discard)
        blk->sectors_max = least(blk->sectors_max, config.max_discard_sectors);
    return NULL;
}

static size_t blk_memory_bytes(const struct pv_device *device)
{
    struct virtio_arena arena = {0};

    (void)blk_memory_take(&arena, device->transport);
    return virtio_arena_bytes(&arena);
}

static int blk_attach(const struct pv_device *device, void *memory, struct pv_blk **blk)
{
    const struct virtio_transport *transport = device->transport;
    struct virtio_arena arena = {.base = (uintptr_t)memory};
    struct blk_memory parts = blk_memory_take(&arena, transport);
    struct virtio_blk *frontend = parts.frontend;
    const char *wrong;

    frontend->transport = transport;
    frontend->requests = parts.queue.requests;
    *blk = &frontend->blk;
    if (parts.queue.size < 4u)
        return blk_fail(frontend, "queue is missing or too small");
    if (virtio_negotiate(transport, BLK_FEATURES, &frontend->features) < 0)
        return blk_fail(frontend, "feature negotiation failed");
    wrong = blk_limits_set(frontend, parts.queue.size);
    if (wrong)
        return blk_fail(frontend, wrong);
    if (virtio_queue_attach(transport, 0, &parts.queue, frontend->features, &frontend->vq,
                            &frontend->blk.event) < 0)
        return blk_fail(frontend, "queue set-up failed");
    transport->ops->driver_ok(transport);
    frontend->blk.patience_ns = transport->ops->working ? BLK_PATIENCE_NS : 0;
    return 0;
}

static int blk_submit(struct pv_blk *blk, const struct pv_blk_request *request)
{
    static const uint32_t types[] = {
        [PV_BLK_READ] = VIRTIO_BLK_T_IN,
        [PV_BLK_WRITE] = VIRTIO_BLK_T_OUT,
        [PV_BLK_FLUSH] = VIRTIO_BLK_T_FLUSH,
        [PV_BLK_DISCARD] = VIRTIO_BLK_T_DISCARD,
    };
    struct virtio_blk *frontend = frontend_of(blk);
    struct virtqueue_buffer buffers[BLK_SEGMENTS_MAX + 2u];
    struct blk_request *wire;
    unsigned count = 0, readable;

    if (blk->fault)
        return -EIO;
    if (!blk_request_valid(blk, request))
        return -EINVAL;
    if (virtqueue_free(&frontend->vq) == 0)
        return -EAGAIN;

    wire = &frontend->requests[virtqueue_next_head(&frontend->vq)];
    wire->header = (struct virtio_blk_header){.type = types[request->operation]};
    wire->status = BLK_STATUS_UNWRITTEN;
    buffers[count++] = (struct virtqueue_buffer){&wire->header, sizeof(wire->header)};
    if (request->operation == PV_BLK_DISCARD) {
        wire->discard = (struct virtio_blk_discard){request->sector, request->sector_count, 0};
        buffers[count++] = (struct virtqueue_buffer){&wire->discard, sizeof(wire->discard)};
    } else if (request->operation != PV_BLK_FLUSH) {
        wire->header.sector = request->sector;
        for (unsigned i = 0; i < request->segment_count; i++)
            buffers[count++] = (struct virtqueue_buffer){request->segments[i].address,
                                                         request->segments[i].bytes};
    }
    readable = request->operation == PV_BLK_READ ? 1u : count;
    buffers[count++] = (struct virtqueue_buffer){&wire->status, sizeof(wire->status)};
    return virtqueue_add(&frontend->vq, buffers, readable, count - readable, request->cookie);
}

static void blk_kick(struct pv_blk *blk)
{
    struct virtio_blk *frontend = frontend_of(blk);

    if (virtqueue_publish(&frontend->vq))
        frontend->transport->ops->notify(frontend->transport, 0);
}

static int blk_take(struct pv_blk *blk, void **cookie, int *result)
{
    struct virtio_blk *frontend = frontend_of(blk);
    struct virtqueue_used used;
    int got = virtqueue_take(&frontend->vq, &used);

    if (got < 0)
        return blk_fail(frontend, frontend->vq.fault);
    if (got == 0)
        return 0;
    *cookie = used.cookie;
    switch (*(volatile uint8_t *)&frontend->requests[used.head].status) {
    case VIRTIO_BLK_S_OK:
        *result = 0;
        return 1;
    case VIRTIO_BLK_S_IOERR:
        *result = -EIO;
        return 1;
    case VIRTIO_BLK_S_UNSUPP:
        *result = -EOPNOTSUPP;
        return 1;
    default:
        return blk_fail(frontend, "request came back without a status");
    }
}

static bool blk_ask(struct pv_blk *blk)
{
    return virtqueue_ask(&frontend_of(blk)->vq);
}

static void blk_refresh(struct pv_blk *blk)
{
    struct virtio_blk *frontend = frontend_of(blk);
    struct virtio_blk_config config;

    if (blk->fault)
        return;
    if (frontend->transport->ops->working &&
        !frontend->transport->ops->working(frontend->transport))
        blk_fail(frontend, "the device is gone");
    else if (blk_config_read(frontend, &config) < 0)
        blk_fail(frontend, "configuration does not come to rest");
    else if (config.capacity > UINT64_MAX / PV_SECTOR_BYTES)
        blk_fail(frontend, "capacity is too large");
    else
        blk->sector_count = config.capacity;
    /* A doorbell may have been lost (virtqueue_publish). */
    if (!blk->fault && frontend->vq.in_flight > 0)
        frontend->transport->ops->notify(frontend->transport, 0);
}

const struct pv_blk_ops virtio_blk_ops = {
    .memory_bytes = blk_memory_bytes,
    .attach = blk_attach,
    .submit = blk_submit,
    .kick = blk_kick,
    .take = blk_take,
    .ask = blk_ask,
    .refresh = blk_refresh,
};
