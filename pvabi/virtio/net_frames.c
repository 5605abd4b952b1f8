/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network frontend's frames (virtio 1.2, 5.1.6). A received frame's header lies at the end of
 * the headroom of its first buffer, right before the frame, which may go on in further buffers;
 * transmit headers lie in the attach memory, one for each head. Called through virtio_net_ops.
 */
#include "net_frontend.h"
#include "pvabi/errno.h"

/* ---- receive ------------------------------------------------------------------------------ */

int virtio_net_rx_post(struct pv_net *net, void *buffer, uint32_t bytes, void *cookie)
{
    struct virtio_net *frontend = virtio_net_of(net);
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

/* The kind of a large frame that was negotiated; false when it was not. */
static bool net_gso_check(const struct virtio_net *frontend, const struct virtio_net_header *header,
                          struct pv_net_meta *meta)
{
    uint64_t needed;

    switch (header->gso_type) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        meta->gso = PV_NET_GSO_TCP4;
        needed = VIRTIO_NET_F_GUEST_TSO4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        meta->gso = PV_NET_GSO_TCP6;
        needed = VIRTIO_NET_F_GUEST_TSO6;
        break;
    default:
        return false;
    }
    meta->segment_bytes = header->gso_bytes;
    return frontend->features & needed && header->gso_bytes != 0;
}

/* Judges a received frame's header, of which `header` is a copy: false when the frame must be
 * dropped because it is one that was not negotiated. */
static bool net_header_check(const struct virtio_net *frontend,
                             const struct virtio_net_header *header, struct pv_net_meta *meta)
{
    if (!net_gso_check(frontend, header, meta))
        return false;
    /* NEEDS_CSUM on receive is a frame that never left the host: its checksum was never computed,
     * and its data is as sound as the memory it lies in (5.1.6.4). */
    if (frontend->features & VIRTIO_NET_F_GUEST_CSUM)
        meta->csum_valid = (header->flags &
                            (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0;
    return true;
}

/* The buffers of a frame after its first one (5.1.6.4): there at once, because the device makes
 * them all used together, and filled from their first byte. 0 or -EIO. */
static int net_parts_take(struct virtio_net *frontend, struct pv_net_frame *frame, unsigned count)
{
    struct virtqueue_used used;

    if (count == 0 || count > PV_NET_PARTS_MAX)
        return virtio_net_fail(frontend, "a frame of no buffer or of too many");
    while (frame->count < count) {
        int got = virtqueue_take(&frontend->rx, &used);

        if (got < 0)
            return virtio_net_fail(frontend, frontend->rx.fault);
        if (got == 0)
            return virtio_net_fail(frontend, "a frame whose buffers have not all come");
        if (used.bytes == 0)
            return virtio_net_fail(frontend, "a frame with an empty buffer");
        frame->parts[frame->count++] = (struct pv_net_part){
            used.cookie, NET_HEADROOM - frontend->header_bytes, used.bytes};
        frame->bytes += used.bytes;
    }
    return frame->bytes > NET_FRAME_MAX ? virtio_net_fail(frontend, "a frame of more than 64 KiB")
                                        : 0;
}

int virtio_net_rx_take(struct pv_net *net, struct pv_net_frame *frame)
{
    struct virtio_net *frontend = virtio_net_of(net);
    unsigned header_bytes = frontend->header_bytes;
    struct virtio_net_header header = {0};
    struct virtqueue_used used;
    int got = virtqueue_take(&frontend->rx, &used);

    if (got < 0)
        return virtio_net_fail(frontend, frontend->rx.fault);
    if (got == 0)
        return 0;
    frame->meta = (struct pv_net_meta){0};
    frame->bytes = 0;
    frame->count = 1;
    frame->parts[0] = (struct pv_net_part){.cookie = used.cookie, .offset = NET_HEADROOM};
    if (used.bytes < header_bytes)
        return 1;
    frame->parts[0].bytes = frame->bytes = used.bytes - header_bytes;
    /* One copy, because the device may still write there. */
    __builtin_memcpy(&header,
                     (const uint8_t *)frontend->rx_buffers[used.head] + NET_HEADROOM - header_bytes,
                     header_bytes);
    /* Without MRG_RXBUF it is always one buffer, and devices leave the field as it was. */
    if (frontend->features & VIRTIO_NET_F_MRG_RXBUF &&
        net_parts_take(frontend, frame, header.num_buffers) < 0)
        return -EIO;
    if (frame->bytes < NET_FRAME_MIN || !net_header_check(frontend, &header, &frame->meta))
        frame->bytes = 0;
    return 1;
}

bool virtio_net_rx_ask(struct pv_net *net)
{
    return virtqueue_ask(&virtio_net_of(net)->rx);
}

void virtio_net_rx_kick(struct pv_net *net)
{
    struct virtio_net *frontend = virtio_net_of(net);

    if (virtqueue_publish(&frontend->rx))
        frontend->transport->ops->notify(frontend->transport, NET_RX);
}

/* ---- transmit ----------------------------------------------------------------------------- */

/* May the device be asked for this, for a frame of so many bytes? */
static bool net_meta_check(const struct virtio_net *frontend, const struct pv_net_meta *meta,
                           uint64_t bytes)
{
    if (meta->csum_partial &&
        (!frontend->net.tx_csum ||
         (uint64_t)meta->csum_start + meta->csum_offset + sizeof(uint16_t) > bytes))
        return false;
    switch (meta->gso) {
    case PV_NET_GSO_NONE:
        return true;
    case PV_NET_GSO_TCP4:
        if (!frontend->net.tx_tso4)
            return false;
        break;
    case PV_NET_GSO_TCP6:
        if (!frontend->net.tx_tso6)
            return false;
        break;
    default:
        return false;
    }
    return meta->csum_partial && meta->segment_bytes != 0 && meta->header_bytes >= NET_FRAME_MIN &&
           meta->header_bytes < bytes;
}

/* Fills buffers[1..count] and says whether frame and `meta` are well-formed. */
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
    return bytes >= NET_FRAME_MIN && bytes <= NET_FRAME_MAX &&
           (!meta || net_meta_check(frontend, meta, bytes));
}

/* What the device is told (5.1.6.2). */
static struct virtio_net_header net_header_make(const struct pv_net_meta *meta)
{
    struct virtio_net_header header = {0};

    if (meta->csum_partial) {
        header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header.csum_start = meta->csum_start;
        header.csum_offset = meta->csum_offset;
    }
    if (meta->gso != PV_NET_GSO_NONE) {
        header.gso_type = meta->gso == PV_NET_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4
                                                       : VIRTIO_NET_HDR_GSO_TCPV6;
        header.gso_bytes = meta->segment_bytes;
        header.hdr_bytes = meta->header_bytes;
    }
    return header;
}

int virtio_net_tx_post(struct pv_net *net, const struct pv_segment *segments, unsigned count,
                       const struct pv_net_meta *meta, void *cookie)
{
    struct virtio_net *frontend = virtio_net_of(net);
    struct virtqueue_buffer buffers[NET_SEGMENTS_MAX + 1u];
    struct virtio_net_header *header;

    if (net->fault)
        return -EIO;
    if (!net_tx_prepare(frontend, buffers, segments, count, meta))
        return -EINVAL;
    if (virtqueue_free(&frontend->tx) == 0)
        return -EAGAIN;
    header = &frontend->tx_headers[virtqueue_next_head(&frontend->tx)];
    *header = meta ? net_header_make(meta) : (struct virtio_net_header){0};
    buffers[0] = (struct virtqueue_buffer){header, frontend->header_bytes};
    return virtqueue_add(&frontend->tx, buffers, count + 1u, 0, cookie);
}

int virtio_net_tx_take(struct pv_net *net, void **cookie)
{
    struct virtio_net *frontend = virtio_net_of(net);
    struct virtqueue_used used;
    int got = virtqueue_take(&frontend->tx, &used);

    if (got < 0)
        return virtio_net_fail(frontend, frontend->tx.fault);
    if (got > 0)
        *cookie = used.cookie;
    return got;
}

bool virtio_net_tx_ask(struct pv_net *net)
{
    return virtqueue_ask(&virtio_net_of(net)->tx);
}

void virtio_net_tx_kick(struct pv_net *net)
{
    struct virtio_net *frontend = virtio_net_of(net);

    if (virtqueue_publish(&frontend->tx))
        frontend->transport->ops->notify(frontend->transport, NET_TX);
}
