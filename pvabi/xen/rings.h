/* SPDX-License-Identifier: BSD-2-Clause */
/* Xen's rings (xen/io/ring.h) with our barriers, and what both frontends do with them. */
#ifndef XEN_RINGS_H
#define XEN_RINGS_H

#include <string.h>

#include "arch/arch.h"
#include "host.h"

#define xen_mb() arch_barrier_full()
#define xen_rmb() arch_barrier_read()
#define xen_wmb() arch_barrier_write()

#include <xen/io/ring.h>

/* The other side's index, read once. */
static inline RING_IDX xen_ring_index(const RING_IDX *index)
{
    return *(const volatile RING_IDX *)index;
}

/* How many responses have come, or -1 when the index claims more than were asked for. `ring` is a
 * front ring of any kind. Responses are read after this. */
#define XEN_RING_RESPONSES(ring) \
    xen_ring_responses(&(ring)->sring->rsp_prod, (ring)->rsp_cons, (ring)->req_prod_pvt)

static inline int xen_ring_responses(const RING_IDX *rsp_prod, RING_IDX cons, RING_IDX prod)
{
    RING_IDX there = xen_ring_index(rsp_prod) - cons;

    xen_rmb(); /* the index before the responses that it covers */
    return there > prod - cons ? -1 : (int)there;
}

/* Events that brought nothing, one after another. An honest backend sends one for a response, which
 * may have been taken before; so many in a row are a storm (XSA-391). */
#define XEN_IDLE_EVENTS_MAX 1000u

struct xen_channel {
    uint32_t port; /* 0: none */
    unsigned event;
    unsigned idle;  /* events without a response */
    bool responses; /* since the last event */
};

/* Lets the next event through. False: the channel is a storm. */
static inline bool xen_channel_rearm(struct xen_channel *channel)
{
    if (!xen_channel_unmask(channel->port))
        return true;
    channel->idle = channel->responses ? 0 : channel->idle + 1u;
    channel->responses = false;
    return channel->idle < XEN_IDLE_EVENTS_MAX;
}

#endif
