/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames to send: lwIP's buffers go into the ring as they are and are held until the device is done
 * with them. Where the device completes checksums, only the pseudo-header's sum is put in. A full
 * ring makes frames wait in a short queue, then they are dropped. Called under the stack's lock.
 */
#include <errno.h>
#include <string.h>

#include "interface.h"
#include "kernel/page.h"
#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "stack.h"

#define SEGMENTS_MOST 16u
#define QUEUE_PAGES ((TRANSMIT_QUEUE * sizeof(struct transmit_frame) + PAGE_BYTES - 1) / PAGE_BYTES)
#define REAP_FROM 32u /* outstanding frames that make it worth while to look for sent ones */

/* A frame's headers that matter here, as offsets from its first byte. */
struct transport {
    unsigned protocol;
    unsigned offset;
    unsigned address_bytes; /* of each of the two addresses at address_offset */
    unsigned address_offset;
};

static unsigned big_endian16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Finds TCP or UDP in an unfragmented frame; false: nothing for the device to complete. */
static bool transport_find(const unsigned char *frame, struct transport *transport)
{
    const unsigned char *ip = frame + FRAME_HEADER_BYTES;
    switch (big_endian16(frame + 12)) {
    case 0x0800:
        if (big_endian16(ip + 6) & 0x3fff)
            return false;
        *transport = (struct transport){ip[9], FRAME_HEADER_BYTES + (ip[0] & 15u) * 4u, 4,
                                        FRAME_HEADER_BYTES + 12};
        break;
    case 0x86dd:
        *transport = (struct transport){ip[6], FRAME_HEADER_BYTES + 40, 16, FRAME_HEADER_BYTES + 8};
        break;
    default:
        return false;
    }
    return transport->protocol == 6 || transport->protocol == 17;
}

/* The pseudo-header's sum (RFC 9293, 3.1; RFC 8200, 8.1), in memory order, not inverted. */
static uint16_t pseudo_sum(const unsigned char *frame, const struct transport *transport,
                           unsigned bytes)
{
    uint32_t sum = net_checksum(frame + transport->address_offset,
                                (int)transport->address_bytes * 2);
    sum += lwip_htons((u16_t)transport->protocol);
    sum += lwip_htons((u16_t)bytes);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* lwIP leaves a checksum of zero where the device is to complete it. */
static struct pv_net_meta frame_prepare(const struct interface *interface, struct pbuf *frame)
{
    struct pv_net_meta meta = {0};
    unsigned char *bytes = frame->payload;
    struct transport transport;

    if (frame->len >= FRAME_HEADER_BYTES && big_endian16(bytes + 12) == 0x0806)
        timers_touch_arp();
    if (!interface->net->tx_csum || frame->len < FRAME_HEADER_BYTES + 28 ||
        !transport_find(bytes, &transport))
        goto out;
    unsigned offset = transport.protocol == 6 ? 16 : 6;
    unsigned char *sum_at = bytes + transport.offset + offset;
    if (transport.offset + offset + 2 > frame->len || sum_at[0] || sum_at[1])
        goto out;
    uint16_t sum = pseudo_sum(bytes, &transport, frame->tot_len - transport.offset);
    memcpy(sum_at, &sum, sizeof sum);
    meta.csum_partial = true;
    meta.csum_start = (uint16_t)transport.offset;
    meta.csum_offset = (uint16_t)offset;
out:
    return meta;
}

/* 0, -EAGAIN when the ring is full, -EIO. The ring's reference is the caller's. */
static int frame_post(struct interface *interface, struct pbuf *frame,
                      const struct pv_net_meta *meta)
{
    struct pv_segment segments[SEGMENTS_MOST];
    unsigned count = 0;
    for (struct pbuf *part = frame; part; part = part->next)
        if (part->len)
            segments[count++] = (struct pv_segment){part->payload, part->len};
    int result = interface->ops->tx_post(interface->net, segments, count, meta, frame);
    if (result == 0) {
        interface->outstanding++;
        interface->transmit_kick = true;
        net_counters.tx_packets++;
        net_counters.tx_bytes += frame->tot_len;
    } else if (result != -EAGAIN) {
        interface_fail(interface);
    }
    return result;
}

static void queue_drain(struct interface *interface)
{
    while (interface->queue_count && !interface->failed) {
        struct transmit_frame *first = &interface->queue[interface->queue_first];
        if (frame_post(interface, first->frame, &first->meta) < 0)
            return;
        interface->queue_first = (interface->queue_first + 1) % TRANSMIT_QUEUE;
        interface->queue_count--;
    }
}

static void transmit_reap(struct interface *interface)
{
    void *cookie;
    int result;
    while ((result = interface->ops->tx_take(interface->net, &cookie)) == 1) {
        interface->outstanding--;
        pbuf_free(cookie);
    }
    if (result < 0)
        interface_fail(interface);
    else
        queue_drain(interface);
}

void transmit_poll(struct interface *interface)
{
    transmit_reap(interface);
    if (interface->refused && interface->queue_count == 0) {
        interface->refused = false;
        tcp_txnow();
    }
}

/* A frame waits for the ring; false: no room for it. */
static bool queue_add(struct interface *interface, struct pbuf *frame,
                      const struct pv_net_meta *meta)
{
    if (!interface->queue)
        interface->queue = page_alloc(QUEUE_PAGES);
    if (!interface->queue || interface->queue_count == TRANSMIT_QUEUE)
        return false;
    unsigned last = (interface->queue_first + interface->queue_count++) % TRANSMIT_QUEUE;
    interface->queue[last] = (struct transmit_frame){frame, *meta};
    return true;
}

/* One buffer instead of a longer chain than the device takes. */
static struct pbuf *frame_flatten(const struct interface *interface, struct pbuf *frame)
{
    unsigned most = interface->net->segments_max;
    if (most > SEGMENTS_MOST)
        most = SEGMENTS_MOST;
    if (pbuf_clen(frame) > most)
        return pbuf_clone(PBUF_RAW, PBUF_RAM, frame);
    pbuf_ref(frame);
    return frame;
}

err_t transmit_output(struct netif *netif, struct pbuf *frame)
{
    struct interface *interface = netif->state;
    if (interface->failed)
        return ERR_IF;
    timers_touch();
    if (interface->outstanding >= REAP_FROM || interface->queue_count)
        transmit_reap(interface);

    struct pbuf *held = frame_flatten(interface, frame);
    if (!held)
        goto drop;
    struct pv_net_meta meta = frame_prepare(interface, held);
    if (interface->queue_count == 0 && frame_post(interface, held, &meta) == 0)
        return ERR_OK;
    if (!interface->failed && queue_add(interface, held, &meta)) {
        if (interface->queue_count == 1)
            net_thread_wake(); /* to ask for an event when there is room: nobody else may come */
        return ERR_OK;
    }
drop:
    interface->refused = true;
    net_counters.tx_dropped++;
    if (held)
        pbuf_free(held);
    return ERR_MEM;
}
