/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network frontend (virtio 1.2, 5.1) behind struct pv_net_ops: one receive and one transmit
 * queue, checksum offload, no segmentation offload. A received buffer's header lies at the end of
 * its headroom, right before the frame; transmit headers lie in the attach memory, one for each
 * head. Called by the kernel through pv_net_frontends.
 */
#include "net.h"

#include "attach.h"
#include "pvabi/errno.h"

enum net_queue { NET_RX = 0, NET_TX = 1 }; /* 5.1.2 */

#define NET_RING_WANTED 256u
#define NET_SEGMENTS_MAX 4u
#define NET_HEADROOM 18u /* with an Ethernet header of 14 bytes the IP header is aligned to 16 */
#define NET_FRAME_MIN 14u
#define NET_MTU_DEFAULT 1500u
#define NET_MTU_MIN 68u /* 5.1.4.1 */

#define NET_FEATURES                                                                     \
    (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | \
     VIRTIO_NET_F_STATUS)

struct virtio_net {
    struct pv_net net; /* first: what the kernel sees */
    const struct virtio_transport *transport;
    uint64_t features;
    struct virtqueue rx, tx;
    void **rx_buffers; /* the posted buffer, for each head */
    struct virtio_net_header *tx_headers;
    unsigned header_bytes;
    bool header_apart; /* a legacy device wants the header in a descriptor of its own */
};

struct net_memory {
    struct virtio_net *frontend;
    struct virtio_queue_memory rx, tx;
};

static struct net_memory net_memory_take(struct virtio_arena *arena,
                                         const struct virtio_transport *transport)
{
    struct net_memory memory;

    memory.frontend = virtio_arena_take(arena, sizeof(struct virtio_net), 64);
    memory.rx = virtio_queue_take(arena, transport, NET_RX, NET_RING_WANTED, sizeof(void *));
    memory.tx = virtio_queue_take(arena, transport, NET_TX, NET_RING_WANTED,
                                  sizeof(struct virtio_net_header));
    return memory;
}

static struct virtio_net *frontend_of(struct pv_net *net)
{
    return (struct virtio_net *)(void *)net;
}

/* Out of service, both directions: tells the device and keeps the first reason. */
static int net_fail(struct virtio_net *frontend, const char *reason)
{
    if (!frontend->net.fault) {
        frontend->net.fault = reason;
        virtqueue_fail(&frontend->rx, reason);
        virtqueue_fail(&frontend->tx, reason);
        frontend->transport->ops->fail(frontend->transport);
    }
    return -EIO;
}

/* A consistent copy of the fields that the accepted features give a meaning (2.5.1). */
static int net_config_read(const struct virtio_net *frontend, struct virtio_net_config *config)
{
    const struct virtio_transport *transport = frontend->transport;
    uint64_t features = frontend->features;

    for (unsigned i = 0; i < VIRTIO_CONFIG_TRIES; i++) {
        uint32_t generation = transport->ops->config_generation(transport);

        *config = (struct virtio_net_config){.status = VIRTIO_NET_S_LINK_UP};
        if (features & VIRTIO_NET_F_MAC)
            for (uint32_t j = 0; j < sizeof(config->mac); j++)
                config->mac[j] = (uint8_t)transport->ops->config_read(transport, j, 1);
        if (features & VIRTIO_NET_F_STATUS)
            config->status = (uint16_t)VIRTIO_CONFIG_READ(transport, virtio_net_config, status);
        if (features & VIRTIO_NET_F_MTU)
            config->mtu = (uint16_t)VIRTIO_CONFIG_READ(transport, virtio_net_config, mtu);
        if (transport->ops->config_generation(transport) == generation)
            return 0;
    }
    return -EIO;
}

static int net_limits_set(struct virtio_net *frontend, unsigned rx_size, unsigned tx_size)
{
    struct pv_net *net = &frontend->net;
    struct virtio_net_config config;

    if (net_config_read(frontend, &config) < 0)
        return net_fail(frontend, "configuration does not come to rest");
    if (!(config.mac[0] & 1u)) /* a group address is no address of ours: left at zero */
        __builtin_memcpy(net->mac, config.mac, sizeof(net->mac));
    net->mtu = config.mtu >= NET_MTU_MIN ? config.mtu : NET_MTU_DEFAULT;
    net->link_up = (config.status & VIRTIO_NET_S_LINK_UP) != 0;
    net->tx_csum = (frontend->features & VIRTIO_NET_F_CSUM) != 0;
    net->rx_headroom = NET_HEADROOM;

    /* 5.1.6.1: without VERSION_1 there is no num_buffers; 2.7.4.3: without ANY_LAYOUT either, the
     * header must have a descriptor of its own. */
    frontend->header_bytes = frontend->features & VIRTIO_F_VERSION_1
                                 ? VIRTIO_NET_HEADER_BYTES
                                 : VIRTIO_NET_HEADER_BYTES_LEGACY;
    frontend->header_apart = !(frontend->features & (VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT));

    net->rx_slots = frontend->header_apart ? rx_size / 2u : rx_size;
    net->segments_max = tx_size - 1u < NET_SEGMENTS_MAX ? tx_size - 1u : NET_SEGMENTS_MAX;
    net->tx_slots = tx_size / (net->segments_max + 1u);
    return 0;
}

static size_t net_memory_bytes(const struct pv_device *device)
{
    struct virtio_arena arena = {0};

    (void)net_memory_take(&arena, device->transport);
    return virtio_arena_bytes(&arena);
}

static int net_attach(const struct pv_device *device, void *memory, struct pv_net **net)
{
    const struct virtio_transport *transport = device->transport;
    struct virtio_arena arena = {.base = (uintptr_t)memory};
    struct net_memory parts = net_memory_take(&arena, transport);
    struct virtio_net *frontend = parts.frontend;
    int result;

    frontend->transport = transport;
    frontend->rx_buffers = parts.rx.requests;
    frontend->tx_headers = parts.tx.requests;
    *net = &frontend->net;
    if (parts.rx.size < 2u || parts.tx.size < 2u)
        return net_fail(frontend, "a queue is missing or too small");
    if (virtio_negotiate(transport, NET_FEATURES, &frontend->features) < 0)
        return net_fail(frontend, "feature negotiation failed");
    result = net_limits_set(frontend, parts.rx.size, parts.tx.size);
    if (result < 0)
        return result;
    if (virtio_queue_attach(transport, NET_RX, &parts.rx, frontend->features, &frontend->rx,
                            &frontend->net.rx_event) < 0 ||
        virtio_queue_attach(transport, NET_TX, &parts.tx, frontend->features, &frontend->tx,
                            &frontend->net.tx_event) < 0)
        return net_fail(frontend, "queue set-up failed");
    transport->ops->driver_ok(transport);
    return 0;
}

/* ---- receive ------------------------------------------------------------------------------ */

static int net_rx_post(struct pv_net *net, void *buffer, uint32_t bytes, void *cookie)
{
    struct virtio_net *frontend = frontend_of(net);
    uint8_t *frame = (uint8_t *)buffer + NET_HEADROOM;
    uint8_t *header = frame - frontend->header_bytes;
    struct virtqueue_buffer buffers[2];
    uint16_t head;
    unsigned count;
    int result;

    if (net->fault)
        return -EIO;
    if (bytes < NET_HEADROOM + NET_FRAME_MIN)
        return -EINVAL;
    if (virtqueue_free(&frontend->rx) == 0)
        return -EAGAIN;
    head = virtqueue_next_head(&frontend->rx);
    if (frontend->header_apart) {
        buffers[0] = (struct virtqueue_buffer){header, frontend->header_bytes};
        buffers[1] = (struct virtqueue_buffer){frame, bytes - NET_HEADROOM};
        count = 2;
    } else {
        buffers[0] = (struct virtqueue_buffer){header,
                                               bytes - NET_HEADROOM + frontend->header_bytes};
        count = 1;
    }
    result = virtqueue_add(&frontend->rx, buffers, 0, count, cookie);
    if (result == 0)
        frontend->rx_buffers[head] = buffer;
    return result;
}

/* Copies the header out of a received buffer, which the device may still write, and judges it. The
 * frame is dropped when it is one that was not negotiated. num_buffers is not looked at: without
 * VIRTIO_NET_F_MRG_RXBUF it is always one buffer (5.1.6.4.1), and devices leave the field as it
 * was. */
static bool net_header_check(const struct virtio_net *frontend, const void *buffer,
                             struct pv_net_meta *meta)
{
    struct virtio_net_header header = {0};

    __builtin_memcpy(&header, (const uint8_t *)buffer + NET_HEADROOM - frontend->header_bytes,
                     frontend->header_bytes);
    *meta = (struct pv_net_meta){0};
    if (header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        return false;
    /* NEEDS_CSUM on receive is a frame that never left the host: its checksum was never computed,
     * and its data is as sound as the memory it lies in (5.1.6.4). */
    if (frontend->features & VIRTIO_NET_F_GUEST_CSUM)
        meta->csum_valid = (header.flags &
                            (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0;
    return true;
}

static int net_rx_take(struct pv_net *net, void **cookie, uint32_t *frame_bytes,
                       struct pv_net_meta *meta)
{
    struct virtio_net *frontend = frontend_of(net);
    struct virtqueue_used used;
    int got = virtqueue_take(&frontend->rx, &used);

    if (got < 0)
        return net_fail(frontend, frontend->rx.fault);
    if (got == 0)
        return 0;
    *cookie = used.cookie;
    *frame_bytes = 0;
    *meta = (struct pv_net_meta){0};
    if (used.bytes >= frontend->header_bytes + NET_FRAME_MIN &&
        net_header_check(frontend, frontend->rx_buffers[used.head], meta))
        *frame_bytes = used.bytes - frontend->header_bytes;
    return 1;
}

static bool net_rx_ask(struct pv_net *net)
{
    return virtqueue_ask(&frontend_of(net)->rx);
}

static void net_rx_kick(struct pv_net *net)
{
    struct virtio_net *frontend = frontend_of(net);

    if (virtqueue_publish(&frontend->rx))
        frontend->transport->ops->notify(frontend->transport, NET_RX);
}

/* ---- transmit ----------------------------------------------------------------------------- */

/* Fills buffers[1..count] and says whether frame and checksum request are well-formed. */
static bool net_tx_prepare(const struct virtio_net *frontend, struct virtqueue_buffer *buffers,
                           const struct pv_segment *segments, unsigned count,
                           const struct pv_net_meta *meta)
{
    uint64_t bytes = 0;

    if (count == 0 || count > frontend->net.segments_max)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].bytes == 0)
            return false;
        buffers[i + 1u] = (struct virtqueue_buffer){segments[i].address, segments[i].bytes};
        bytes += segments[i].bytes;
    }
    if (bytes < NET_FRAME_MIN)
        return false;
    return !meta || !meta->csum_partial ||
           (frontend->net.tx_csum &&
            (uint64_t)meta->csum_start + meta->csum_offset + sizeof(uint16_t) <= bytes);
}

static int net_tx_post(struct pv_net *net, const struct pv_segment *segments, unsigned count,
                       const struct pv_net_meta *meta, void *cookie)
{
    struct virtio_net *frontend = frontend_of(net);
    struct virtqueue_buffer buffers[NET_SEGMENTS_MAX + 1u];
    struct virtio_net_header *header;

    if (net->fault)
        return -EIO;
    if (!net_tx_prepare(frontend, buffers, segments, count, meta))
        return -EINVAL;
    if (virtqueue_free(&frontend->tx) == 0)
        return -EAGAIN;
    header = &frontend->tx_headers[virtqueue_next_head(&frontend->tx)];
    *header = (struct virtio_net_header){0};
    if (meta && meta->csum_partial) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = meta->csum_start;
        header->csum_offset = meta->csum_offset;
    }
    buffers[0] = (struct virtqueue_buffer){header, frontend->header_bytes};
    return virtqueue_add(&frontend->tx, buffers, count + 1u, 0, cookie);
}

static int net_tx_take(struct pv_net *net, void **cookie)
{
    struct virtio_net *frontend = frontend_of(net);
    struct virtqueue_used used;
    int got = virtqueue_take(&frontend->tx, &used);

    if (got < 0)
        return net_fail(frontend, frontend->tx.fault);
    if (got > 0)
        *cookie = used.cookie;
    return got;
}

static bool net_tx_ask(struct pv_net *net)
{
    return virtqueue_ask(&frontend_of(net)->tx);
}

static void net_tx_kick(struct pv_net *net)
{
    struct virtio_net *frontend = frontend_of(net);

    if (virtqueue_publish(&frontend->tx))
        frontend->transport->ops->notify(frontend->transport, NET_TX);
}

const struct pv_net_ops virtio_net_ops = {
    .memory_bytes = net_memory_bytes,
    .attach = net_attach,
    .rx_post = net_rx_post,
    .rx_take = net_rx_take,
    .rx_ask = net_rx_ask,
    .rx_kick = net_rx_kick,
    .tx_post = net_tx_post,
    .tx_take = net_tx_take,
    .tx_ask = net_tx_ask,
    .tx_kick = net_tx_kick,
};
