/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network frontend (virtio 1.2, 5.1) behind struct pv_net_ops: one receive and one transmit
 * queue, with the device's help for checksums and segmentation where it offers that. Here: attaching
 * and the configuration; frames are in net_frames.c. Called by the kernel through pv_net_frontends.
 */
#include "net.h"

#include "attach.h"
#include "net_frontend.h"
#include "pvabi/errno.h"

#define NET_RING_WANTED 256u
#define NET_RING_LARGE \
    64u /* descriptors for a frame of 64 KiB, if no buffer is below 1,040 bytes */
#define NET_SEGMENTS_SMALL 4u /* of a frame that is one segment */
#define NET_MTU_DEFAULT 1500u
#define NET_MTU_MIN 68u /* 5.1.4.1 */

#define NET_GUEST_TSO (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)
#define NET_HOST_TSO (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6)
#define NET_FEATURES                                                                     \
    (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | \
     VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF | NET_GUEST_TSO | NET_HOST_TSO)

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

/* What makes sense together (5.1.3.1, and 5.1.6.3.1: large frames come in as many buffers as they
 * need). Buffers are merged only where a header and what follows may share a descriptor. */
static uint64_t net_features_choose(uint64_t offered)
{
    if (!(offered & VIRTIO_NET_F_CSUM))
        offered &= ~NET_HOST_TSO;
    if (!(offered & (VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT)))
        offered &= ~VIRTIO_NET_F_MRG_RXBUF;
    if (!(offered & VIRTIO_NET_F_MRG_RXBUF) || !(offered & VIRTIO_NET_F_GUEST_CSUM))
        offered &= ~NET_GUEST_TSO;
    return offered;
}

int virtio_net_fail(struct virtio_net *frontend, const char *reason)
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
    uint64_t features = frontend->features;
    unsigned segments = features & NET_HOST_TSO ? NET_SEGMENTS_MAX : NET_SEGMENTS_SMALL;
    struct virtio_net_config config;

    if (net_config_read(frontend, &config) < 0)
        return virtio_net_fail(frontend, "configuration does not come to rest");
    if (!(config.mac[0] & 1u)) /* a group address is no address of ours: left at zero */
        __builtin_memcpy(net->mac, config.mac, sizeof(net->mac));
    net->mtu = config.mtu >= NET_MTU_MIN ? config.mtu : NET_MTU_DEFAULT;
    net->link_up = (config.status & VIRTIO_NET_S_LINK_UP) != 0;
    net->tx_csum = (features & VIRTIO_NET_F_CSUM) != 0;
    net->tx_tso4 = (features & VIRTIO_NET_F_HOST_TSO4) != 0;
    net->tx_tso6 = (features & VIRTIO_NET_F_HOST_TSO6) != 0;
    net->rx_headroom = NET_HEADROOM;
    net->rx_frame_max = features & NET_GUEST_TSO ? NET_FRAME_MAX : net->mtu + NET_FRAME_MIN;

    /* 5.1.6.1: legacy devices have num_buffers only where it means something; 2.7.4.3: without
     * VERSION_1 and ANY_LAYOUT, the header must have a descriptor of its own. */
    frontend->header_bytes = features & (VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF)
                                 ? VIRTIO_NET_HEADER_BYTES
                                 : VIRTIO_NET_HEADER_BYTES_LEGACY;
    frontend->header_apart = !(features & (VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT));

    net->rx_slots = frontend->header_apart ? rx_size / 2u : rx_size;
    net->segments_max = tx_size - 1u < segments ? tx_size - 1u : segments;
    net->tx_slots = tx_size / (net->segments_max + 1u);
    return 0;
}

/* The link's state is all that changes. A configuration that does not come to rest is as good as
 * one that has not changed: the host will tell again. */
static void net_refresh(struct pv_net *net)
{
    struct virtio_net *frontend = virtio_net_of(net);
    struct virtio_net_config config;

    if (net->fault)
        return;
    if (frontend->transport->ops->working &&
        !frontend->transport->ops->working(frontend->transport))
        virtio_net_fail(frontend, "the device is gone");
    else if (net_config_read(frontend, &config) == 0)
        net->link_up = (config.status & VIRTIO_NET_S_LINK_UP) != 0;
    if (net->fault)
        return;
    /* Doorbells may have been lost (virtqueue_publish). */
    if (frontend->rx.in_flight > 0)
        frontend->transport->ops->notify(frontend->transport, NET_RX);
    if (frontend->tx.in_flight > 0)
        frontend->transport->ops->notify(frontend->transport, NET_TX);
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
    uint64_t wanted = parts.rx.size < NET_RING_LARGE ? NET_FEATURES & ~NET_GUEST_TSO : NET_FEATURES;
    int result;

    frontend->transport = transport;
    frontend->rx_buffers = parts.rx.requests;
    frontend->tx_headers = parts.tx.requests;
    *net = &frontend->net;
    if (parts.rx.size < 2u || parts.tx.size < 2u)
        return virtio_net_fail(frontend, "a queue is missing or too small");
    if (virtio_negotiate_by(transport, wanted, net_features_choose, &frontend->features) < 0)
        return virtio_net_fail(frontend, "feature negotiation failed");
    frontend->net.config_event = transport->ops->config_event(transport);
    result = net_limits_set(frontend, parts.rx.size, parts.tx.size);
    if (result < 0)
        return result;
    if (virtio_queue_attach(transport, NET_RX, &parts.rx, frontend->features, &frontend->rx,
                            &frontend->net.rx_event) < 0 ||
        virtio_queue_attach(transport, NET_TX, &parts.tx, frontend->features, &frontend->tx,
                            &frontend->net.tx_event) < 0)
        return virtio_net_fail(frontend, "queue set-up failed");
    transport->ops->driver_ok(transport);
    return 0;
}

const struct pv_net_ops virtio_net_ops = {
    .memory_bytes = net_memory_bytes,
    .attach = net_attach,
    .rx_post = virtio_net_rx_post,
    .rx_take = virtio_net_rx_take,
    .rx_ask = virtio_net_rx_ask,
    .rx_kick = virtio_net_rx_kick,
    .tx_post = virtio_net_tx_post,
    .tx_take = virtio_net_tx_take,
    .tx_ask = virtio_net_tx_ask,
    .tx_kick = virtio_net_tx_kick,
    .refresh = net_refresh,
};
