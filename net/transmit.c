/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames to send: lwIP's buffers go into the ring as they are and are held until the device is done
 * with them. Where the device completes checksums, only the pseudo-header's sum is put in; where it
 * cuts large frames, TCP's segments are collected (burst.c) until another frame or the end of the
 * work under the stack's lock sends them on. A full ring makes frames wait in a short queue, then
 * they are dropped. Called under the stack's lock.
 */
#include <errno.h>
#include <string.h>

#include "interface.h"
#include "kernel/errand.h"
#include "kernel/page.h"
#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "stack.h"

#define QUEUE_PAGES ((TRANSMIT_QUEUE * sizeof(struct transmit_frame) + PAGE_BYTES - 1) / PAGE_BYTES)
#define BURST_SEGMENT_LEAST 512u /* what is smaller has nothing like it behind it */
#define REAP_FROM 32u /* outstanding frames that make it worth while to look for sent ones */

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

    if (frame->len >= FRAME_HEADER_BYTES && frame_type(bytes) == FRAME_TYPE_ARP)
        timers_touch_arp();
    if (!interface->net->tx_csum || frame->len < FRAME_HEADER_BYTES + 28 ||
        !transport_find(bytes, &transport))
        goto out;
    unsigned offset = transport.protocol == PROTOCOL_TCP ? 16 : 6;
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
        net_counters.tx_large += meta->gso != PV_NET_GSO_NONE;
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
        interface->reaped++;
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

static unsigned segments_most(const struct interface *interface)
{
    unsigned most = interface->net->segments_max;
    return most < SEGMENTS_MOST ? most : SEGMENTS_MOST;
}

/* One buffer instead of a longer chain than the device takes. */
static struct pbuf *frame_flatten(const struct interface *interface, struct pbuf *frame)
{
    if (pbuf_clen(frame) > segments_most(interface))
        return pbuf_clone(PBUF_RAW, PBUF_RAM, frame);
    pbuf_ref(frame);
    return frame;
}

/* Posts or queues a frame, whose reference it takes. */
static err_t frame_send(struct interface *interface, struct pbuf *held,
                        const struct pv_net_meta *meta)
{
    if (interface->queue_count == 0) {
        int result = frame_post(interface, held, meta);
        if (result == -EAGAIN && interface->outstanding) {
            transmit_reap(interface);
            result = interface->failed ? -EIO : frame_post(interface, held, meta);
        }
        if (result == 0)
            return ERR_OK;
    }
    if (!interface->failed && queue_add(interface, held, meta)) {
        if (interface->queue_count == 1)
            errand_wanted(); /* to ask for an event when there is room: nobody else may come */
        return ERR_OK;
    }
    interface->refused = true;
    net_counters.tx_dropped++;
    pbuf_free(held);
    return ERR_MEM;
}

static err_t frame_prepare_and_send(struct interface *interface, struct pbuf *held)
{
    struct pv_net_meta meta = frame_prepare(interface, held);
    return frame_send(interface, held, &meta);
}

static void burst_send_merged(struct interface *interface, struct pbuf *merged)
{
    const struct transmit_burst *burst = &interface->burst;
    struct pv_net_meta meta = frame_prepare(interface, merged);
    meta.gso = burst->is_ip6 ? PV_NET_GSO_TCP6 : PV_NET_GSO_TCP4;
    meta.header_bytes = (uint16_t)burst->header_bytes;
    meta.segment_bytes = (uint16_t)burst->segment_bytes;
    frame_send(interface, merged, &meta);
}

void transmit_flush(struct interface *interface)
{
    struct transmit_burst *burst = &interface->burst;
    struct pbuf *merged = burst->count > 1 && !interface->failed ? burst_merge(burst) : NULL;
    if (merged)
        burst_send_merged(interface, merged);
    for (unsigned i = 0; i < burst->count; i++) {
        if (merged || interface->failed)
            pbuf_free(burst->frames[i]);
        else
            frame_prepare_and_send(interface, burst->frames[i]);
    }
    burst->count = 0;
}

/* True when the frame is held back, to leave with those that follow. */
static bool burst_takes(struct interface *interface, struct pbuf *frame, bool is_tcp4)
{
    struct transmit_burst *burst = &interface->burst;
    unsigned most = segments_most(interface);
    if (burst->count == 0 && (frame->tot_len < BURST_SEGMENT_LEAST ||
                              (is_tcp4 && frame_is_pushed(frame->payload, frame->len))))
        return false;
    if (!interface->net->tx_tso4 && !interface->net->tx_tso6)
        return false;
    if (burst_add(burst, frame, most))
        goto taken;
    if (burst->count == 0)
        return false;
    transmit_flush(interface);
    if (!burst_add(burst, frame, most))
        return false;
taken:
    if (burst_is_full(burst))
        transmit_flush(interface);
    return true;
}

err_t transmit_output(struct netif *netif, struct pbuf *frame)
{
    struct interface *interface = netif->state;
    if (interface->failed)
        return ERR_IF;
    bool is_tcp4 = frame_is_tcp4(frame->payload, frame->len);
    if (is_tcp4)
        timers_touch_tcp();
    else
        timers_touch();
    if (interface->outstanding >= REAP_FROM || interface->queue_count)
        transmit_reap(interface);
    if (burst_takes(interface, frame, is_tcp4))
        return ERR_OK;
    struct pbuf *held = frame_flatten(interface, frame);
    if (held)
        return frame_prepare_and_send(interface, held);
    interface->refused = true;
    net_counters.tx_dropped++;
    return ERR_MEM;
}
