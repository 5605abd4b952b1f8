/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Received frames. The ring holds buffers of half a page; a frame that the device has put together
 * of many segments comes in several. A small frame is copied and its buffer goes back at once; of a
 * larger one only the headers are copied, because lwIP reads them more than once and the other side
 * may still write into the buffer, and the payload stays where it is until the program has read it.
 * When too many buffers wait for the program, payload is copied too; when there is no memory for
 * that either, frames are dropped. The ring is always filled up again. Called under the stack's
 * lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "kernel/page.h"
#include "lwip/pbuf.h"
#include "stack.h"

#define BUFFER_BYTES (PAGE_BYTES / 2)
#define POSTED_LEAST 16u
#define POSTED_MOST 128u
#define HEADERS_BYTES 144u /* Ethernet, IPv4 and TCP with all options: 134 */
#define COPY_BYTES 256u    /* frames up to this size are not worth lending */

/* Metadata lies apart from the memory that the other side may write. */
struct receive_buffer {
    struct pbuf_custom lent; /* must be first: the payload, while lwIP has it */
    struct interface *interface;
    struct receive_buffer *next;
    unsigned char *memory;
};

struct frame_kind {
    bool is_lendable; /* TCP or UDP for a socket */
    bool is_data;     /* ... that will wait there until the program reads it */
    bool is_fragment;
    bool is_arp;
    bool is_tcp4;
};

static size_t pool_bytes; /* of all interfaces */

/* lwIP's own services parse what they get in place: their packets are copied. */
static bool port_is_a_socket(unsigned port)
{
    return port != 53 && port != 67 && port != 68 && port != 546 && port != 547;
}

/* `bytes` are in reach at `header`, `length` is what the IP header says. */
static void transport_classify(struct frame_kind *kind, unsigned protocol,
                               const unsigned char *header, size_t bytes, size_t length)
{
    if (protocol == 6 && bytes >= 20) {
        kind->is_lendable = true;
        kind->is_data = length > (header[12] >> 4) * 4u;
    } else if (protocol == 17 && bytes >= 8) {
        kind->is_lendable = kind->is_data = port_is_a_socket(big_endian16(header)) &&
                                            port_is_a_socket(big_endian16(header + 2));
    }
}

static struct frame_kind frame_classify(const unsigned char *frame, size_t bytes)
{
    struct frame_kind kind = {0};
    if (bytes < FRAME_HEADER_BYTES + 20)
        return kind;
    const unsigned char *ip = frame + FRAME_HEADER_BYTES;
    bytes -= FRAME_HEADER_BYTES;
    switch (frame_type(frame)) {
    case FRAME_TYPE_ARP:
        kind.is_arp = true;
        break;
    case FRAME_TYPE_IP4: {
        size_t header_bytes = (ip[0] & 15u) * 4u;
        kind.is_fragment = big_endian16(ip + 6) & 0x3fff;
        kind.is_tcp4 = ip[9] == PROTOCOL_TCP;
        if (!kind.is_fragment && header_bytes <= bytes)
            transport_classify(&kind, ip[9], ip + header_bytes, bytes - header_bytes,
                               big_endian16(ip + 2) - header_bytes);
        break;
    }
    case FRAME_TYPE_IP6:
        if (bytes < 40)
            break;
        transport_classify(&kind, ip[6], ip + 40, bytes - 40, big_endian16(ip + 4));
        /* Behind any extension header there may be a fragment's. */
        kind.is_fragment = ip[6] != 6 && ip[6] != 17 && ip[6] != 58;
        break;
    default:
        break;
    }
    return kind;
}

/* ---- the pool ----------------------------------------------------------------------------- */

static struct receive_buffer *buffer_new(struct interface *interface, unsigned char *memory)
{
    struct receive_buffer *buffer = calloc(1, sizeof *buffer);
    if (buffer) {
        buffer->interface = interface;
        buffer->memory = memory;
        buffer->next = interface->free;
        interface->free = buffer;
    }
    return buffer;
}

/* Adds a page to the free list, if the bound and the memory allow. */
static void pool_grow(struct interface *interface)
{
    if (pool_bytes + PAGE_BYTES > memory_receive_limit())
        return;
    unsigned char *page = page_alloc(1);
    if (!page)
        return;
    pool_bytes += PAGE_BYTES;
    if (!buffer_new(interface, page)) {
        page_free(page, 1);
        pool_bytes -= PAGE_BYTES;
        return;
    }
    buffer_new(interface, page + BUFFER_BYTES); /* without memory for it half the page idles */
}

static bool pool_has_spare(struct interface *interface)
{
    if (!interface->free)
        pool_grow(interface);
    return interface->free != NULL;
}

static int buffer_post(struct receive_buffer *buffer)
{
    struct interface *interface = buffer->interface;
    int result = interface->ops->rx_post(interface->net, buffer->memory, BUFFER_BYTES, buffer);
    if (result == 0) {
        interface->posted++;
        interface->receive_kick = true;
    } else if (result == -EAGAIN) {
        buffer->next = interface->free;
        interface->free = buffer;
    } else {
        interface_fail(interface);
    }
    return result;
}

static int spare_post(struct interface *interface)
{
    struct receive_buffer *buffer = interface->free;
    interface->free = buffer->next;
    return buffer_post(buffer);
}

/* Where a part of a frame begins. */
static unsigned char *part_memory(const struct pv_net_part *part)
{
    return ((const struct receive_buffer *)part->cookie)->memory + part->offset;
}

/* lwIP or a socket has done with a payload. */
static void buffer_return(struct pbuf *pbuf)
{
    struct receive_buffer *buffer = (struct receive_buffer *)pbuf;
    buffer->next = buffer->interface->free;
    buffer->interface->free = buffer;
}

static void ring_fill(struct interface *interface, unsigned count)
{
    while (interface->posted < count && !interface->failed && pool_has_spare(interface))
        if (spare_post(interface) < 0)
            return;
}

static unsigned between(unsigned least, unsigned value, unsigned most)
{
    value = value < least ? least : value;
    return value < most ? value : most;
}

/* Enough for the largest frame at once, and more as memory allows when the first frame comes: until
 * then it is not needed, and it is most of what the start of a network would cost. */
int receive_start(struct interface *interface)
{
    const struct pv_net *net = interface->net;
    unsigned buffer_bytes = BUFFER_BYTES - net->rx_headroom;
    unsigned least = (net->rx_frame_max + buffer_bytes - 1) / buffer_bytes;
    unsigned first = between(least, POSTED_LEAST, net->rx_slots);
    unsigned most = (unsigned)(memory_receive_limit() / 4 / BUFFER_BYTES);

    interface->post_later = between(first, between(0, most, POSTED_MOST), net->rx_slots);
    ring_fill(interface, first);
    if (interface->failed)
        return -EIO;
    return interface->posted < least && !interface->free ? -ENOMEM : 0;
}

/* ---- frames ------------------------------------------------------------------------------- */

/* Copies `bytes` bytes of a frame, which has that many, from `offset` on. */
static void parts_copy(const struct pv_net_frame *frame, uint32_t offset, unsigned char *to,
                       uint32_t bytes)
{
    for (unsigned i = 0; i < frame->count && bytes; i++) {
        uint32_t part = frame->parts[i].bytes;
        if (offset >= part) {
            offset -= part;
            continue;
        }
        part = part - offset < bytes ? part - offset : bytes;
        memcpy(to, part_memory(&frame->parts[i]) + offset, part);
        to += part;
        bytes -= part;
        offset = 0;
    }
}

/* The whole frame in private memory; `headers` were copied before and are not read again. */
static struct pbuf *frame_copy(const struct pv_net_frame *frame, const unsigned char *headers)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)frame->bytes, PBUF_RAM);
    if (!copy)
        return NULL;
    uint32_t copied = frame->bytes < HEADERS_BYTES ? frame->bytes : HEADERS_BYTES;
    memcpy(copy->payload, headers, copied);
    parts_copy(frame, copied, (unsigned char *)copy->payload + copied, frame->bytes - copied);
    return copy;
}

/* A part's payload from `offset` on: where it lies, and the buffer is lwIP's until buffer_return
 * (part->cookie is NULL then); or copied, when there is no buffer to post in its place. */
static struct pbuf *part_lend(struct interface *interface, struct pv_net_part *part,
                              uint32_t offset)
{
    struct receive_buffer *buffer = part->cookie;
    u16_t bytes = (u16_t)(part->bytes - offset);
    unsigned char *from = part_memory(part) + offset;

    if (!pool_has_spare(interface)) {
        struct pbuf *copy = memory_is_short() ? NULL : pbuf_alloc(PBUF_RAW, bytes, PBUF_RAM);
        if (copy)
            memcpy(copy->payload, from, bytes);
        return copy;
    }
    spare_post(interface);
    part->cookie = NULL;
    buffer->lent.custom_free_function = buffer_return;
    return pbuf_alloced_custom(PBUF_RAW, bytes, PBUF_REF, &buffer->lent, from, bytes);
}

/* Private headers, then the payload where it lies. */
static struct pbuf *frame_lend(struct interface *interface, struct pv_net_frame *frame,
                               const unsigned char *headers)
{
    struct pbuf *pbufs[PV_NET_PARTS_MAX + 1];
    unsigned count = 0;
    uint32_t offset = HEADERS_BYTES;

    pbufs[count] = pbuf_alloc(PBUF_RAW, HEADERS_BYTES, PBUF_RAM);
    if (!pbufs[count])
        return NULL;
    memcpy(pbufs[count++]->payload, headers, HEADERS_BYTES);
    for (unsigned i = 0; i < frame->count; i++) {
        struct pv_net_part *part = &frame->parts[i];
        if (offset >= part->bytes) {
            offset -= part->bytes;
            continue;
        }
        pbufs[count] = part_lend(interface, part, offset);
        if (!pbufs[count]) {
            pbuf_free(pbufs_join(pbufs, count));
            return NULL;
        }
        count++;
        offset = 0;
    }
    return pbufs_join(pbufs, count);
}

static void frame_input(struct interface *interface, struct pbuf *frame, struct frame_kind kind,
                        bool csum_valid)
{
    struct netif *netif = &interface->netif;
    const u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;

    if (kind.is_tcp4)
        timers_touch_tcp();
    else
        timers_touch();
    if (kind.is_fragment)
        timers_touch_reassembly();
    if (kind.is_arp)
        timers_touch_arp();
    if (!csum_valid || kind.is_fragment)
        netif->chksum_flags |= checks;
    if (netif->input(frame, netif) != ERR_OK)
        pbuf_free(frame);
    netif->chksum_flags &= (u16_t)~checks;
}

/* Data that nobody reads must leave memory for what gets the program going again: acknowledgements,
 * new connections, its answers. TCP sends it again later. */
static bool frame_is_unwelcome(struct frame_kind kind, uint32_t bytes, bool lend)
{
    return kind.is_data && (memory_is_out() || (bytes > COPY_BYTES && !lend && memory_is_short()));
}

/* What was not lent goes back into the ring. */
static void frame_repost(const struct pv_net_frame *frame)
{
    for (unsigned i = 0; i < frame->count; i++)
        if (frame->parts[i].cookie)
            buffer_post(frame->parts[i].cookie);
}

static void frame_receive(struct interface *interface, struct pv_net_frame *frame)
{
    unsigned char headers[HEADERS_BYTES];
    uint32_t header_bytes = frame->bytes < HEADERS_BYTES ? frame->bytes : HEADERS_BYTES;

    parts_copy(frame, 0, headers, header_bytes);
    struct frame_kind kind = frame_classify(headers, header_bytes);
    bool lend = frame->bytes > COPY_BYTES && kind.is_lendable && pool_has_spare(interface);
    struct pbuf *packet = NULL;
    if (!frame_is_unwelcome(kind, frame->bytes, lend))
        packet = lend ? frame_lend(interface, frame, headers) : frame_copy(frame, headers);
    /* As many buffers as came out of the ring go in. */
    frame_repost(frame);
    if (!packet) {
        net_counters.rx_dropped++;
        return;
    }
    net_counters.rx_packets++;
    net_counters.rx_bytes += frame->bytes;
    net_counters.rx_copied += !lend;
    net_counters.rx_large += frame->meta.gso != PV_NET_GSO_NONE;
    frame_input(interface, packet, kind, frame->meta.csum_valid);
}

bool receive_poll(struct interface *interface, unsigned most)
{
    struct pv_net_frame frame;

    for (unsigned taken = 0; taken < most; taken++) {
        int result = interface->ops->rx_take(interface->net, &frame);
        if (result < 0)
            interface_fail(interface);
        if (result <= 0)
            return false;
        interface->posted -= frame.count;
        ring_fill(interface, interface->post_later);
        interface->post_later = 0;
        if (frame.bytes == 0 || frame.bytes > UINT16_MAX) { /* lwIP counts to 65,535 */
            net_counters.rx_dropped++;
            frame_repost(&frame);
        } else {
            frame_receive(interface, &frame);
        }
        if (interface->failed)
            return false;
    }
    return true;
}
