/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the Xen network frontend share: its state, and how they call each other.
 * netfront.c connects, netfront_rx.c receives, netfront_tx.c sends. For these three only.
 */
#ifndef XEN_NETFRONT_PARTS_H
#define XEN_NETFRONT_PARTS_H

#include "grant.h"
#include "netfront.h"
#include "rings.h"
#include "xenbus.h"

#include <xen/io/netif.h>

#define RX_RING __CONST_RING_SIZE(netif_rx, XEN_PAGE_BYTES) /* 256 */
#define RX_PAGES 64u /* a power of two that divides RX_RING */
#define RX_QUEUE 128u
#define TX_PAGES 64u
#define FRAME_PAGES 17u /* the most that one frame takes, either way */
#define SEGMENTS_MAX 16u
#define HEADROOM 2u /* with an Ethernet header of 14 bytes the IP header is aligned to 16 */
#define FRAME_MIN 14u
#define NO_PAGE 0xffffu

_Static_assert(RX_RING % RX_PAGES == 0 && RX_PAGES >= FRAME_PAGES, "receive pages");

struct rx_buffer {
    uint8_t *address;
    uint32_t bytes;
    void *cookie;
};

/* A page of the transmit pool. Its index is the id of its request, so that no two requests in flight
 * have the same (Mirage advisory 00). */
struct tx_page {
    uint16_t next;  /* of the frame, or while free */
    uint16_t first; /* the frame's first page; NO_PAGE: no answer is awaited */
    uint16_t left;  /* of a first page: requests of the frame that were not answered, else 0 */
    uint16_t count; /* of a first page: pages of the frame */
    uint16_t dirty; /* bytes that a frame has left here */
    void *cookie;   /* of a first page */
};

struct xen_net {
    struct pv_net net; /* first: what the kernel sees */
    struct xenbus_device *bus;
    struct xen_channel rx_channel, tx_own;
    struct xen_channel *tx_channel; /* rx_channel, where the two are not split */
    netif_rx_front_ring_t rx;
    netif_tx_front_ring_t tx;
    bool split, sg, csum, csum6;
    bool restored;       /* once: frames for what another backend offered may come */
    bool moved;          /* the domain was restored since the link was last looked at */
    uint16_t tx_extras;  /* requests in flight that describe large frames */
    bool rx_starved;     /* a frame waits in the ring for a buffer of the kernel's */
    unsigned rx_partial; /* responses that have come of a frame that is not whole */
    unsigned rx_queued, rx_next;
    struct rx_buffer rx_queue[RX_QUEUE];
    uint16_t tx_free; /* linked by tx_page.next */
    uint16_t tx_free_count;
    uint16_t tx_lost_count;
    void *tx_lost[TX_PAGES + 1]; /* frames that a restore took away: they count as sent */
    struct tx_page tx_pages[TX_PAGES];
    uint32_t rx_ring_ref, tx_ring_ref, rx_refs[RX_PAGES], tx_refs[TX_PAGES];
    struct xen_pages rx_ring, tx_ring, rx_pool, tx_pool;
};

static inline struct xen_net *xen_net_of(struct pv_net *net)
{
    return (struct xen_net *)(void *)net;
}

/* Looked at first in every call: 1 the device is there, 0 it connects anew after a restore, -EIO. */
int xen_net_ready(struct xen_net *frontend);
/* Out of service: keeps the first reason, and ends what the backend lets go of. Returns -EIO. */
int xen_net_fail(struct xen_net *frontend, const char *reason);
/* Lets the channel's next event through, before the kernel sleeps. True: look again. */
bool xen_net_channel_ask(struct xen_net *frontend, struct xen_channel *channel);

/* Empty rings, when the device connects: all receive slots posted; no frame in flight. */
void xen_net_rx_reset(struct xen_net *frontend);
void xen_net_tx_reset(struct xen_net *frontend);

/* The halves of xen_net_ops. */
int xen_net_rx_post(struct pv_net *net, void *buffer, uint32_t bytes, void *cookie);
int xen_net_rx_take(struct pv_net *net, struct pv_net_frame *frame);
bool xen_net_rx_ask(struct pv_net *net);
void xen_net_rx_kick(struct pv_net *net);
int xen_net_tx_post(struct pv_net *net, const struct pv_segment *segments, unsigned count,
                    const struct pv_net_meta *meta, void *cookie);
int xen_net_tx_take(struct pv_net *net, void **cookie);
bool xen_net_tx_ask(struct pv_net *net);
void xen_net_tx_kick(struct pv_net *net);

#endif
