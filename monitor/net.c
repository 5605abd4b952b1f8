/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the network backends share. Runs on the loop's thread; net_parse_address and net_configure
 * while options are read.
 */
#include "net.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "iov.h"
#include "json.h"
#include "loop.h"

void net_configure(struct net *net, const uint8_t mac[6], uint16_t mtu, uint64_t features)
{
    struct device *device = &net->device;
    struct virtio_net_config config = {.mtu = htole16(mtu)};

    net->mtu = mtu;
    memcpy(config.mac, mac, sizeof(config.mac));
    device->type = VIRTIO_ID_NET;
    device->features = VRING_FEATURES | 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_MTU |
                       features;
    device->queue_count = 2;
    device->queue_sizes[NET_RX] = NET_QUEUE_SIZE;
    device->queue_sizes[NET_TX] = NET_QUEUE_SIZE;
    device->config_bytes = offsetof(struct virtio_net_config, mtu) + sizeof(config.mtu);
    memcpy(device->config, &config, device->config_bytes);
}

/* Without merged buffers it is one buffer, whatever its size. */
static uint32_t net_needs(const struct net *net)
{
    const uint64_t large = 1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO6;

    if ((net->accepted & 1ull << VIRTIO_NET_F_MRG_RXBUF) == 0)
        return 1;
    return (uint32_t)NET_HEADER_BYTES +
           ((net->accepted & large) != 0 ? NET_FRAME_MAX : NET_FRAME_MIN + net->mtu);
}

bool net_begin(struct net *net, bool *first)
{
    *first = false;
    if (net->device.failed)
        return false;
    if (!net->began) {
        if (!backend_begin(&net->device, &net->accepted))
            return false;
        net->began = *first = true;
        net->rx_needed = net_needs(net);
    }
    return true;
}

/* --- transmit: guest to host --- */

static bool net_accepted(const struct net *net, unsigned feature)
{
    return (net->accepted & 1ull << feature) != 0;
}

/* What the guest may ask for depends on the features, and must lie within the frame; `header` is a
 * private copy. */
static bool net_header_allowed(const struct net *net, const struct virtio_net_hdr *header,
                               uint32_t bytes)
{
    bool partial = (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;

    if (partial && (!net_accepted(net, VIRTIO_NET_F_CSUM) ||
                    le16toh(header->csum_start) + le16toh(header->csum_offset) + 2u > bytes))
        return false;
    switch (header->gso_type) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        if (!net_accepted(net, VIRTIO_NET_F_HOST_TSO4))
            return false;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        if (!net_accepted(net, VIRTIO_NET_F_HOST_TSO6))
            return false;
        break;
    default:
        return false;
    }
    return partial && header->gso_size != 0 && le16toh(header->hdr_len) >= NET_FRAME_MIN &&
           le16toh(header->hdr_len) < bytes;
}

static bool net_transmit(struct net *net)
{
    struct vring_chain *chain = &net->tx;
    struct virtio_net_hdr_mrg_rxbuf header;
    struct iovec *segments = chain->segments;
    uint32_t bytes = chain->readable_bytes - (uint32_t)NET_HEADER_BYTES;
    unsigned count;

    iov_read(segments, chain->readable_count, &header, sizeof(header));
    count = iov_skip(&segments, chain->readable_count, NET_HEADER_BYTES);
    /* Flags beyond NEEDS_CSUM say nothing in this direction (5.1.6.2). */
    header.hdr.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
    if (bytes < NET_FRAME_MIN || bytes > NET_FRAME_MAX ||
        !net_header_allowed(net, &header.hdr, bytes) ||
        !net->transmit(net, &header, segments, count, bytes))
        return false;
    net->counters.tx_frames++;
    net->counters.tx_bytes += bytes;
    net->counters.tx_large += header.hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE;
    return true;
}

static int net_serve_tx(struct net *net)
{
    struct vring *ring = net->device.rings[NET_TX];
    int result = vring_next(ring, &net->tx);

    if (result <= 0)
        return result;
    if (net->tx.readable_bytes < NET_HEADER_BYTES) {
        device_fail(&net->device, "queue %u: a frame without its header", NET_TX);
        return 0;
    }
    if (!net_transmit(net))
        net->counters.tx_dropped++;
    vring_use(ring, net->tx.head, 0);
    return 1;
}

static void net_resume_tx(void *context, uint32_t epoll_events)
{
    (void)epoll_events;
    net_run_tx(context);
}

void net_run_tx(struct net *net)
{
    struct device *device = &net->device;
    unsigned left = NET_BATCH_MAX;
    int result;

    if (device->failed)
        return;
    do {
        do
            result = net_serve_tx(net);
        while (result > 0 && --left > 0);
        backend_publish(device, NET_TX);
        if (net->transmitted != NULL)
            net->transmitted(net);
    } while (result == 0 && !device->failed && vring_enable_doorbell(device->rings[NET_TX]));
    if (result < 0)
        backend_fail_ring(device, NET_TX);
    if (result > 0)
        loop_timer(net->loop, 0, net_resume_tx, net);
}

/* --- receive: host to guest --- */

/* Adds the buffer in net->rx to the room. False: the device failed. */
static bool net_room_add(struct net *net)
{
    struct net_room *room = &net->room;
    const struct vring_chain *chain = &net->rx;
    unsigned count = chain->writable_count;

    if (chain->writable_bytes < NET_HEADER_BYTES + NET_FRAME_MIN) {
        device_fail(&net->device, "queue %u: a buffer too small for any frame", NET_RX);
        return false;
    }
    if (count > NET_ROOM_SEGMENTS - room->segment_count || room->buffer_count == NET_QUEUE_SIZE) {
        device_fail(&net->device, "queue %u: receive buffers of too many pieces", NET_RX);
        return false;
    }
    memcpy(room->segments + room->segment_count, chain->segments + chain->readable_count,
           count * sizeof(room->segments[0]));
    room->segment_count += count;
    room->buffers[room->buffer_count++] = (struct net_room_buffer){chain->head, (uint16_t)count,
                                                                   chain->writable_bytes};
    room->bytes += chain->writable_bytes;
    return true;
}

bool net_hold_rx(struct net *net)
{
    struct vring *ring = net->device.rings[NET_RX];
    int result = 1;

    if (net->device.failed || !net->began)
        return false;
    while (net->room.bytes < net->rx_needed) {
        result = vring_next(ring, &net->rx);
        if (result == 0 && vring_enable_doorbell(ring))
            continue;
        if (result <= 0)
            break;
        if (!net_room_add(net))
            return false;
    }
    if (result < 0)
        backend_fail_ring(&net->device, NET_RX);
    return result > 0;
}

struct iovec *net_room(const struct net *net, struct iovec copy[NET_ROOM_SEGMENTS], unsigned *count,
                       uint32_t *bytes)
{
    const struct net_room *room = &net->room;
    struct iovec *payload = copy;

    memcpy(copy, room->segments, room->segment_count * sizeof(copy[0]));
    *count = iov_skip(&payload, room->segment_count, NET_HEADER_BYTES);
    *bytes = room->bytes - (uint32_t)NET_HEADER_BYTES;
    return payload;
}

/* How many buffers from the first on hold so many bytes. */
static unsigned net_room_buffers(const struct net_room *room, uint32_t bytes)
{
    unsigned count = 1;

    for (uint32_t room_bytes = room->buffers[0].bytes; room_bytes < bytes; count++)
        room_bytes += room->buffers[count].bytes;
    return count;
}

/* Forgets the first buffers. */
static void net_room_drop(struct net_room *room, unsigned count)
{
    unsigned segments = 0;

    for (unsigned i = 0; i < count; i++) {
        segments += room->buffers[i].segment_count;
        room->bytes -= room->buffers[i].bytes;
    }
    room->buffer_count -= count;
    room->segment_count -= segments;
    memmove(room->buffers, room->buffers + count, room->buffer_count * sizeof(room->buffers[0]));
    memmove(room->segments, room->segments + segments,
            room->segment_count * sizeof(room->segments[0]));
}

void net_finish_rx(struct net *net, struct virtio_net_hdr_mrg_rxbuf *header, uint32_t bytes)
{
    struct net_room *room = &net->room;
    uint32_t left = (uint32_t)NET_HEADER_BYTES + bytes;
    unsigned count = net_room_buffers(room, left);

    header->num_buffers = htole16((uint16_t)count); /* 5.1.6.4.1 */
    iov_write(room->segments, room->segment_count, header, sizeof(*header));
    /* Shown to the guest together, by the caller's backend_publish. */
    for (unsigned i = 0; i < count; i++) {
        uint32_t part = left < room->buffers[i].bytes ? left : room->buffers[i].bytes;

        vring_use(net->device.rings[NET_RX], room->buffers[i].head, part);
        left -= part;
    }
    net_room_drop(room, count);
    net->counters.rx_frames++;
    net->counters.rx_bytes += bytes;
    net->counters.rx_large += header->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

void net_stats(const struct device *device, struct json *out)
{
    const struct net_counters *counters = &((const struct net *)device)->counters;

    json_u64(out, "rx_frames", counters->rx_frames);
    json_u64(out, "rx_bytes", counters->rx_bytes);
    json_u64(out, "rx_dropped", counters->rx_dropped);
    json_u64(out, "rx_large", counters->rx_large);
    json_u64(out, "tx_frames", counters->tx_frames);
    json_u64(out, "tx_bytes", counters->tx_bytes);
    json_u64(out, "tx_dropped", counters->tx_dropped);
    json_u64(out, "tx_large", counters->tx_large);
}

/* --- addresses --- */

static int net_parse_ip(const char *value, const char *what, const char *text, uint32_t *host_order)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1) {
        backend_complain("--net", value, "%s: \"%s\" is no IPv4 address", what, text);
        return -EINVAL;
    }
    *host_order = ntohl(address.s_addr);
    return 0;
}

static int net_check_address(const char *value, uint32_t ip, unsigned prefix, bool has_gateway,
                             uint32_t gateway)
{
    uint32_t mask = UINT32_MAX << (32 - prefix);
    uint32_t host = ip & ~mask;

    if (ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 >= 14 ||
        (prefix < 31 && (host == 0 || host == (uint32_t)~mask))) {
        backend_complain("--net", value, "ip: not the address of one host");
        return -EINVAL;
    }
    if (has_gateway && ((gateway & mask) != (ip & mask) || gateway == ip)) {
        backend_complain("--net", value, "gw: the gateway is not another host of the same network");
        return -EINVAL;
    }
    return 0;
}

/* Puts the text up to the next comma into `part`; returns what follows it, or NULL at the end. */
static const char *net_split(const char *text, char *part, size_t part_bytes)
{
    size_t length = strcspn(text, ",");

    snprintf(part, part_bytes, "%.*s", (int)length, text);
    return text[length] == ',' ? text + length + 1 : NULL;
}

int net_parse_address(const char *value, const char *text, struct pvn_net_address *address)
{
    char ip_text[64], gateway_text[64] = "";
    const char *rest = net_split(text, ip_text, sizeof(ip_text));
    uint32_t ip, gateway = 0;
    unsigned long prefix;
    char *slash, *end;
    int result;

    if (strncmp(ip_text, "ip=", 3) != 0 || (rest != NULL && strncmp(rest, "gw=", 3) != 0)) {
        backend_complain("--net", value, "expected IFNAME[,ip=ADDR/LEN[,gw=ADDR]]");
        return -EINVAL;
    }
    slash = strchr(ip_text, '/');
    if (slash == NULL || slash[1] < '0' || slash[1] > '9') {
        backend_complain("--net", value, "ip: the length of the prefix is missing (ADDR/LEN)");
        return -EINVAL;
    }
    *slash = '\0';
    prefix = strtoul(slash + 1, &end, 10);
    if (*end != '\0' || prefix < 1 || prefix > 32) {
        backend_complain("--net", value, "ip: a prefix has 1 to 32 bits");
        return -EINVAL;
    }
    result = net_parse_ip(value, "ip", ip_text + 3, &ip);
    if (result == 0 && rest != NULL) {
        snprintf(gateway_text, sizeof(gateway_text), "%s", rest + 3);
        result = net_parse_ip(value, "gw", gateway_text, &gateway);
    }
    if (result == 0)
        result = net_check_address(value, ip, (unsigned)prefix, rest != NULL, gateway);
    if (result < 0)
        return result;

    ip = htonl(ip);
    gateway = htonl(gateway);
    memcpy(address->ip4, &ip, sizeof(ip));
    memcpy(address->gateway4, &gateway, sizeof(gateway));
    address->prefix4 = (uint8_t)prefix;
    return 0;
}
