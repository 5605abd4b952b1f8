/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Received frames. The ring holds buffers of half a page. A small frame is copied and its buffer
 * goes back at once; of a large one only the headers are copied, because lwIP reads them more than
 * once and the other side may still write into the buffer, and the payload stays where it is until
 * the program has read it. When too many buffers wait for the program, large frames are copied too;
 * when there is no memory for that either, they are dropped. The ring is always filled up again.
 * Called under the stack's lock.
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
};

static size_t pool_bytes; /* of all interfaces */

static unsigned big_endian16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

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
    switch (big_endian16(frame + 12)) {
    case 0x0806:
        kind.is_arp = true;
        break;
    case 0x0800: {
        size_t header_bytes = (ip[0] & 15u) * 4u;
        kind.is_fragment = big_endian16(ip + 6) & 0x3fff;
        if (!kind.is_fragment && header_bytes <= bytes)
            transport_classify(&kind, ip[9], ip + header_bytes, bytes - header_bytes,
                               big_endian16(ip + 2) - header_bytes);
        break;
    }
    case 0x86dd:
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

/* lwIP or a socket has done with a payload. */
static void buffer_return(struct pbuf *pbuf)
{
    struct receive_buffer *buffer = (struct receive_buffer *)pbuf;
    buffer->next = buffer->interface->free;
    buffer->interface->free = buffer;
}

int receive_start(struct interface *interface)
{
    unsigned target = (unsigned)(memory_receive_limit() / 4 / BUFFER_BYTES);
    if (target > POSTED_MOST)
        target = POSTED_MOST;
    if (target < POSTED_LEAST)
        target = POSTED_LEAST;
    if (target > interface->net->rx_slots)
        target = interface->net->rx_slots;
    while (interface->posted < target && !interface->failed) {
        if (!pool_has_spare(interface))
            return interface->posted ? 0 : -ENOMEM;
        if (spare_post(interface) < 0)
            break;
    }
    return interface->failed ? -EIO : 0;
}

/* ---- frames ------------------------------------------------------------------------------- */

/* The whole frame in private memory; `headers` were copied before and are not read again. */
static struct pbuf *frame_copy(const unsigned char *headers, const unsigned char *frame,
                               uint32_t bytes)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)bytes, PBUF_RAM);
    if (!copy)
        return NULL;
    uint32_t copied = bytes < HEADERS_BYTES ? bytes : HEADERS_BYTES;
    memcpy(copy->payload, headers, copied);
    memcpy((unsigned char *)copy->payload + copied, frame + copied, bytes - copied);
    return copy;
}

/* Private headers, then the payload where it lies. */
static struct pbuf *frame_lend(struct receive_buffer *buffer, const unsigned char *headers,
                               unsigned char *frame, uint32_t bytes)
{
    struct pbuf *head = pbuf_alloc(PBUF_RAW, HEADERS_BYTES, PBUF_RAM);
    if (!head)
        return NULL;
    memcpy(head->payload, headers, HEADERS_BYTES);
    u16_t rest = (u16_t)(bytes - HEADERS_BYTES);
    buffer->lent.custom_free_function = buffer_return;
    struct pbuf *payload = pbuf_alloced_custom(PBUF_RAW, rest, PBUF_REF, &buffer->lent,
                                               frame + HEADERS_BYTES, rest);
    pbuf_cat(head, payload);
    return head;
}

static void frame_input(struct interface *interface, struct pbuf *frame, struct frame_kind kind,
                        bool csum_valid)
{
    struct netif *netif = &interface->netif;
    const u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;

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

static void frame_receive(struct receive_buffer *buffer, uint32_t bytes,
                          const struct pv_net_meta *meta)
{
    struct interface *interface = buffer->interface;
    unsigned char *frame = buffer->memory + interface->net->rx_headroom;
    unsigned char headers[HEADERS_BYTES];
    uint32_t header_bytes = bytes < HEADERS_BYTES ? bytes : HEADERS_BYTES;

    memcpy(headers, frame, header_bytes);
    struct frame_kind kind = frame_classify(headers, header_bytes);
    bool lend = bytes > COPY_BYTES && kind.is_lendable && pool_has_spare(interface);
    struct pbuf *packet = NULL;
    if (!frame_is_unwelcome(kind, bytes, lend))
        packet = lend ? frame_lend(buffer, headers, frame, bytes)
                      : frame_copy(headers, frame, bytes);
    /* One buffer came out of the ring, one goes in. */
    if (packet && lend)
        spare_post(interface);
    else
        buffer_post(buffer);
    if (!packet) {
        net_counters.rx_dropped++;
        return;
    }
    net_counters.rx_packets++;
    net_counters.rx_bytes += bytes;
    net_counters.rx_copied += !lend;
    frame_input(interface, packet, kind, meta->csum_valid);
}

bool receive_poll(struct interface *interface, unsigned most)
{
    for (unsigned taken = 0; taken < most; taken++) {
        void *cookie;
        uint32_t bytes;
        struct pv_net_meta meta;
        int result = interface->ops->rx_take(interface->net, &cookie, &bytes, &meta);
        if (result < 0)
            interface_fail(interface);
        if (result <= 0)
            return false;
        interface->posted--;
        if (bytes == 0) {
            net_counters.rx_dropped++;
            buffer_post(cookie);
        } else {
            frame_receive(cookie, bytes, &meta);
        }
        if (interface->failed)
            return false;
    }
    return true;
}
