/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SCSI frontend (virtio 1.2, 5.6) behind struct pv_blk_ops: a controller, whose disks share one
 * request queue. Relies on scsi_command.c for the traffic, on scsi_disk.c for what is behind the
 * controller, on a transport; called by the kernel through pv_blk_frontends.
 */
#include "scsi.h"

#include "blk_request.h"
#include "scsi_host.h"

#define RING_WANTED 128u
#define EVENTS_WANTED 8u
#define PATIENCE_NS 1000000000ull
#define CONTROL_WANTED 4u  /* nothing is posted there */
#define DESCRIPTORS_MIN 3u /* header, response, one segment */

struct scsi_memory {
    struct scsi_host *host;
    struct virtio_queue_memory control, events, queue;
    struct scsi_request *requests;
    unsigned request_count;
    struct scsi_done *done;
    void *probe_data;
};

static struct scsi_memory scsi_memory_take(struct virtio_arena *arena,
                                           const struct virtio_transport *transport)
{
    struct scsi_memory memory;

    memory.host = virtio_arena_take(arena, sizeof(struct scsi_host), 64);
    memory.control = virtio_queue_take(arena, transport, VIRTIO_SCSI_CONTROL, CONTROL_WANTED, 0);
    memory.events = virtio_queue_take(arena, transport, VIRTIO_SCSI_EVENTS, EVENTS_WANTED,
                                      sizeof(struct virtio_scsi_event));
    memory.queue = virtio_queue_take(arena, transport, VIRTIO_SCSI_REQUESTS, RING_WANTED, 0);
    memory.request_count = memory.queue.size / DESCRIPTORS_MIN;
    memory.requests = virtio_arena_take(arena, sizeof(struct scsi_request) * memory.request_count,
                                        64);
    memory.done = virtio_arena_take(arena, sizeof(struct scsi_done) * memory.request_count, 64);
    memory.probe_data = virtio_arena_take(arena, (SCSI_PROBES_MAX + 1u) * SCSI_PROBE_BYTES, 64);
    return memory;
}

static struct scsi_disk *disk_of(struct pv_blk *blk)
{
    return (struct scsi_disk *)(void *)blk;
}

static struct scsi_host *host_of(struct pv_blk *blk)
{
    return disk_of(blk)->host;
}

static size_t scsi_memory_bytes(const struct pv_device *device)
{
    struct virtio_arena arena = {0};

    (void)scsi_memory_take(&arena, device->transport);
    return virtio_arena_bytes(&arena);
}

/* ---- events (5.6.6.3) ---------------------------------------------------------------------- */

static void event_post(struct scsi_host *host, struct virtio_scsi_event *event)
{
    struct virtqueue_buffer buffer = {event, sizeof(*event)};

    *event = (struct virtio_scsi_event){0};
    (void)virtqueue_add(&host->events, &buffer, 0, 1, event);
}

static void events_kick(struct scsi_host *host)
{
    if (virtqueue_publish(&host->events))
        host->transport->ops->notify(host->transport, VIRTIO_SCSI_EVENTS);
}

/* What the event says of a disk, or of all. */
static void event_apply(struct scsi_host *host, const struct virtio_scsi_event *event)
{
    bool missed = (event->event & VIRTIO_SCSI_T_EVENTS_MISSED) != 0;
    uint32_t type = event->event & ~VIRTIO_SCSI_T_EVENTS_MISSED;

    for (unsigned i = 0; i < host->disk_count; i++) {
        struct scsi_disk *disk = &host->disks[i];
        /* Devices name LUNs by either form of addressing. */
        bool named = event->lun[1] == disk->lun[1] && event->lun[3] == disk->lun[3] &&
                     ((event->lun[2] ^ disk->lun[2]) & 0x3fu) == 0;

        if (missed || (named && type == VIRTIO_SCSI_T_PARAM_CHANGE))
            disk->stale = true;
        if (named && type == VIRTIO_SCSI_T_TRANSPORT_RESET &&
            event->reason == VIRTIO_SCSI_EVT_RESET_REMOVED)
            scsi_disk_fail(disk, "it was removed");
    }
}

static void events_take(struct scsi_host *host)
{
    struct virtqueue_used used;
    int got = 0;

    /* As many as there are buffers, so that a storm of them ends. */
    for (unsigned i = 0; i < EVENTS_WANTED; i++) {
        struct virtio_scsi_event event;

        got = virtqueue_take(&host->events, &used);
        if (got <= 0)
            break;
        event = *(const volatile struct virtio_scsi_event *)used.cookie;
        event_apply(host, &event);
        event_post(host, used.cookie);
    }
    if (got < 0)
        scsi_fail(host, host->events.fault);
    else
        events_kick(host);
}

/* ---- attaching ----------------------------------------------------------------------------- */

/* NULL, or what is wrong with the configuration (5.6.4). It is fixed, but for the two sizes that a
 * driver may write; the reset has set them. */
static const char *config_read(struct scsi_host *host)
{
    const struct virtio_transport *transport = host->transport;
    struct virtio_scsi_config *config = &host->config;

    config->seg_max = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_scsi_config, seg_max);
    config->max_sectors = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_scsi_config, max_sectors);
    config->cmd_per_lun = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_scsi_config, cmd_per_lun);
    config->sense_size = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_scsi_config, sense_size);
    config->cdb_size = (uint32_t)VIRTIO_CONFIG_READ(transport, virtio_scsi_config, cdb_size);
    config->max_target = (uint16_t)VIRTIO_CONFIG_READ(transport, virtio_scsi_config, max_target);
    if (config->sense_size != VIRTIO_SCSI_SENSE_BYTES || config->cdb_size != VIRTIO_SCSI_CDB_BYTES)
        return "sizes of requests are not those after a reset";
    return NULL;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* What all disks have in common, and the list of them. */
static void disks_join(struct scsi_host *host, unsigned event)
{
    unsigned segments = 1, requests = host->request_count;

    if (host->config.seg_max > 1u)
        segments = smaller(host->config.seg_max, SCSI_SEGMENTS_MAX);
    segments = smaller(segments, host->queue.size - 2u);
    if (host->config.cmd_per_lun > 0)
        requests = smaller(requests, host->config.cmd_per_lun);
    for (unsigned i = 0; i < host->disk_count; i++) {
        struct pv_blk *blk = &host->disks[i].blk;

        blk->event = event;
        blk->segments_max = segments;
        blk->requests_max = requests;
        blk->patience_ns = host->transport->ops->working ? PATIENCE_NS : 0;
        if (i > 0)
            host->disks[i - 1u].blk.next = blk;
    }
}

static void parts_share_out(struct scsi_host *host, const struct scsi_memory *parts)
{
    host->request_count = parts->request_count;
    host->done = parts->done;
    host->probe_data = parts->probe_data;
    for (unsigned i = parts->request_count; i-- > 0;)
        scsi_request_free(host, &parts->requests[i]);
}

static const char *host_start(struct scsi_host *host, const struct scsi_memory *parts,
                              unsigned *event)
{
    const struct virtio_transport *transport = host->transport;
    struct virtio_scsi_event *events = parts->events.requests;
    uint64_t features;
    unsigned unused;
    const char *wrong;

    if (parts->control.size == 0 || parts->events.size == 0 || parts->request_count == 0)
        return "queue is missing or too small";
    if (virtio_negotiate(transport, VIRTIO_SCSI_F_HOTPLUG | VIRTIO_SCSI_F_CHANGE, &features) < 0)
        return "feature negotiation failed";
    wrong = config_read(host);
    if (wrong)
        return wrong;
    if (virtio_queue_attach(transport, VIRTIO_SCSI_CONTROL, &parts->control, features,
                            &host->control, &unused) < 0 ||
        virtio_queue_attach(transport, VIRTIO_SCSI_EVENTS, &parts->events, features, &host->events,
                            &unused) < 0 ||
        virtio_queue_attach(transport, VIRTIO_SCSI_REQUESTS, &parts->queue, features, &host->queue,
                            event) < 0)
        return "queue set-up failed";
    host->queue.counts_read = true;
    transport->ops->driver_ok(transport);
    for (unsigned i = 0; i < smaller(parts->events.size, EVENTS_WANTED); i++)
        event_post(host, &events[i]);
    events_kick(host);
    return NULL;
}

static int scsi_attach(const struct pv_device *device, void *memory, struct pv_blk **blk)
{
    struct virtio_arena arena = {.base = (uintptr_t)memory};
    struct scsi_memory parts = scsi_memory_take(&arena, device->transport);
    struct scsi_host *host = parts.host;
    const char *wrong;
    unsigned event = 0;

    host->transport = device->transport;
    host->disks[0].host = host;
    *blk = &host->disks[0].blk;
    parts_share_out(host, &parts);
    wrong = host_start(host, &parts, &event);
    if (!wrong)
        wrong = scsi_disks_find(host);
    if (wrong)
        return scsi_fail(host, wrong);
    disks_join(host, event);
    if (host->disk_count == 0)
        *blk = NULL;
    return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The shorter form of the command wherever its fields suffice: old disks know no other (SBC-3). */
static void transfer_encode(uint8_t cdb[], bool write, uint64_t block, uint32_t count)
{
    if (block + count <= UINT32_MAX && count <= UINT16_MAX) {
        cdb[0] = write ? SCSI_WRITE_10 : SCSI_READ_10;
        scsi_put(cdb + 2, 4, block);
        scsi_put(cdb + 7, 2, count);
    } else {
        cdb[0] = write ? SCSI_WRITE_16 : SCSI_READ_16;
        scsi_put(cdb + 2, 8, block);
        scsi_put(cdb + 10, 4, count);
    }
}

static void unmap_encode(struct scsi_request *wire, uint64_t block, uint32_t count)
{
    wire->header.cdb[0] = SCSI_UNMAP;
    scsi_put(wire->header.cdb + 7, 2, SCSI_UNMAP_BYTES);
    scsi_put(wire->unmap, 2, SCSI_UNMAP_BYTES - 2u);
    scsi_put(wire->unmap + 2, 2, SCSI_UNMAP_BYTES - 8u);
    scsi_put(wire->unmap + 8, 8, block);
    scsi_put(wire->unmap + 16, 4, count);
    wire->segments[0] = (struct pv_segment){wire->unmap, SCSI_UNMAP_BYTES};
    wire->segment_count = 1;
    wire->to_device = true;
}

static void request_encode(const struct pv_blk *blk, const struct pv_blk_request *request,
                           struct scsi_request *wire)
{
    uint32_t block_sectors = blk->block_bytes / PV_SECTOR_BYTES;
    uint64_t block = request->sector / block_sectors;

    switch (request->operation) {
    case PV_BLK_FLUSH:
        wire->flush = true;
        wire->header.cdb[0] = SCSI_SYNCHRONIZE_CACHE_10; /* all of it */
        return;
    case PV_BLK_DISCARD:
        unmap_encode(wire, block, request->sector_count / block_sectors);
        return;
    default:
        wire->to_device = request->operation == PV_BLK_WRITE;
        wire->segment_count = (uint8_t)request->segment_count;
        for (unsigned i = 0; i < request->segment_count; i++)
            wire->segments[i] = request->segments[i];
        transfer_encode(wire->header.cdb, wire->to_device, block,
                        (uint32_t)(blk_request_sectors(blk, request) / block_sectors));
    }
}

static int scsi_submit(struct pv_blk *blk, const struct pv_blk_request *request)
{
    struct scsi_disk *disk = disk_of(blk);
    struct scsi_request *wire;

    if (blk->fault)
        return -EIO;
    if (!blk_request_valid(blk, request))
        return -EINVAL;
    wire = scsi_request_new(disk->host, disk->lun);
    if (!wire)
        return -EAGAIN;
    wire->disk = disk;
    wire->cookie = request->cookie;
    request_encode(blk, request, wire);
    return scsi_request_post(disk->host, wire);
}

static void scsi_blk_kick(struct pv_blk *blk)
{
    scsi_kick(host_of(blk));
}

static int scsi_take(struct pv_blk *blk, void **cookie, int *result)
{
    struct scsi_host *host = host_of(blk);
    struct scsi_request *request;
    int got;

    if (host->fault)
        return -EIO;
    if (host->done_count > 0) {
        *cookie = host->done[host->done_first].cookie;
        *result = host->done[host->done_first].result;
        host->done_first = (host->done_first + 1u) % host->request_count;
        host->done_count--;
        return 1;
    }
    got = scsi_request_take(host, &request, result);
    if (got == 1) {
        *cookie = request->cookie;
        scsi_request_free(host, request);
    }
    return got;
}

static bool scsi_ask(struct pv_blk *blk)
{
    struct scsi_host *host = host_of(blk);

    return host->done_count > 0 || virtqueue_ask(&host->queue);
}

static void scsi_refresh(struct pv_blk *blk)
{
    struct scsi_host *host = host_of(blk);
    const struct virtio_transport *transport = host->transport;

    if (!host->fault && transport->ops->working && !transport->ops->working(transport))
        scsi_fail(host, "the device is gone");
    if (!host->fault)
        events_take(host);
    /* A doorbell may have been lost (virtqueue_publish). */
    if (!host->fault && host->queue.in_flight > 0)
        transport->ops->notify(transport, VIRTIO_SCSI_REQUESTS);
    if (!blk->fault && disk_of(blk)->stale)
        scsi_disk_measure(disk_of(blk));
}

const struct pv_blk_ops virtio_scsi_ops = {
    .controller = true,
    .memory_bytes = scsi_memory_bytes,
    .attach = scsi_attach,
    .submit = scsi_submit,
    .kick = scsi_blk_kick,
    .take = scsi_take,
    .ask = scsi_ask,
    .refresh = scsi_refresh,
};
