/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network frontend (xen/io/netif.h) behind struct pv_net_ops: receive by copy, frames in many
 * pieces, checksums left to the other side in both directions.
 *
 * Like blkfront.c it keeps two pools of pages granted, and frames are copied: one copy costs what
 * granting a page and ending that grant costs. The other side never sees a page of anybody else's,
 * nor can it change a frame that was taken. Transmit pages are read-only for it, and what an
 * earlier frame left behind a shorter one is wiped (Mirage advisory 01).
 *
 * Receive buffers of the kernel wait in a queue; the ring itself is always filled with pool pages.
 * Called by the kernel through pv_net_frontends.
 */
#include "netfront.h"

#include "netfront_parts.h"
#include "pvabi/errno.h"

#define MTU_DEFAULT 1500u
#define MTU_MIN 68u
#define MTU_MAX 65521u /* 65535 with the Ethernet header */
#define MTU_ONE_PAGE (XEN_PAGE_BYTES - FRAME_MIN)

#define FRONTEND_PAGES ((sizeof(struct xen_net) + XEN_PAGE_BYTES - 1u) / XEN_PAGE_BYTES)

static void net_forget(void *driven)
{
    struct xen_net *frontend = driven;

    memset(frontend->rx_refs, 0, sizeof(frontend->rx_refs));
    memset(frontend->tx_refs, 0, sizeof(frontend->tx_refs));
    frontend->rx_ring_ref = frontend->tx_ring_ref = 0;
    frontend->rx_channel.port = frontend->tx_own.port = 0;
    frontend->moved = frontend->restored = true;
}

/* Out of service: keeps the first reason, and ends what the backend lets go of. */
int xen_net_fail(struct xen_net *frontend, const char *reason)
{
    if (frontend->net.fault)
        return -EIO;
    frontend->net.fault = reason;
    xenbus_close(frontend->bus);
    if (frontend->tx_own.port != 0)
        xen_channel_close(frontend->tx_own.port);
    if (frontend->rx_channel.port != 0)
        xen_channel_close(frontend->rx_channel.port);
    frontend->rx_channel.port = frontend->tx_own.port = 0;
    xen_pages_end(&frontend->rx_ring);
    xen_pages_end(&frontend->tx_ring);
    xen_pages_end(&frontend->rx_pool);
    xen_pages_end(&frontend->tx_pool);
    return -EIO;
}

bool xen_net_channel_ask(struct xen_net *frontend, struct xen_channel *channel)
{
    if (xen_channel_rearm(channel))
        return false;
    xen_net_fail(frontend, "it sends events without end");
    return true;
}

/* ---- attach and reconnect ----------------------------------------------------------------- */

static const char *rings_open(struct xen_net *frontend)
{
    netif_rx_sring_t *rx = (void *)frontend->rx_ring.first;
    netif_tx_sring_t *tx = (void *)frontend->tx_ring.first;
    uint16_t domain = frontend->bus->backend_domain;

    memset(rx, 0, XEN_PAGE_BYTES);
    memset(tx, 0, XEN_PAGE_BYTES);
    XEN_FRONT_RING_INIT(&frontend->rx, rx, XEN_PAGE_BYTES);
    XEN_FRONT_RING_INIT(&frontend->tx, tx, XEN_PAGE_BYTES);
    frontend->rx_channel.idle = frontend->tx_own.idle = 0;
    frontend->tx_channel = frontend->split ? &frontend->tx_own : &frontend->rx_channel;
    if (xen_pages_grant(&frontend->rx_ring, domain) < 0 ||
        xen_pages_grant(&frontend->tx_ring, domain) < 0 ||
        xen_pages_grant(&frontend->rx_pool, domain) < 0 ||
        xen_pages_grant(&frontend->tx_pool, domain) < 0)
        return "there are no grants left";
    if (xen_channel_open(domain, &frontend->rx_channel.event, &frontend->rx_channel.port) < 0)
        return "there is no event channel left";
    if (frontend->split &&
        xen_channel_open(domain, &frontend->tx_own.event, &frontend->tx_own.port) < 0)
        return "there is no event channel left";
    frontend->net.rx_event = frontend->bus->event = frontend->rx_channel.event;
    frontend->net.tx_event = frontend->tx_channel->event;
    frontend->net.config_event = frontend->rx_channel.event; /* raised when the backend leaves */
    xen_net_rx_reset(frontend);
    xen_net_tx_reset(frontend);
    return NULL;
}

static const char *rings_publish(struct xen_net *frontend)
{
    struct xenbus_value values[14] = {
        {"tx-ring-ref", NULL, frontend->tx_ring_ref},
        {"rx-ring-ref", NULL, frontend->rx_ring_ref},
        {"request-rx-copy", NULL, 1},
        {"feature-rx-notify", NULL, 1},
        {"feature-sg", NULL, 1},
        {"feature-no-csum-offload", NULL, 0},
        {"feature-ipv6-csum-offload", NULL, 1},
        {"feature-gso-tcpv4", NULL, 1},
        {"feature-gso-tcpv6", NULL, 1},
    };
    unsigned count = 9;

    if (frontend->split) {
        values[count++] = (struct xenbus_value){"event-channel-tx", NULL,
                                                frontend->tx_channel->port};
        values[count++] = (struct xenbus_value){"event-channel-rx", NULL,
                                                frontend->rx_channel.port};
    } else {
        values[count++] = (struct xenbus_value){"event-channel", NULL, frontend->rx_channel.port};
    }
    return xenbus_publish(frontend->bus, values, count, XenbusStateConnected);
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* "00:16:3e:01:02:03"; anything else, and a group's address, is no address of ours: left at zero. */
static void mac_read(struct xen_net *frontend)
{
    char text[24];
    uint8_t mac[6];

    if (xenbus_text(frontend->bus, "mac", text, sizeof(text)) != 17)
        return;
    for (unsigned i = 0; i < 6; i++) {
        int high = hex_digit(text[3u * i]), low = hex_digit(text[3u * i + 1u]);

        if (high < 0 || low < 0)
            return;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    if (!(mac[0] & 1u))
        memcpy(frontend->net.mac, mac, sizeof(mac));
}

static void limits_read(struct xen_net *frontend)
{
    const struct xenbus_device *bus = frontend->bus;
    struct pv_net *net = &frontend->net;
    uint64_t mtu = xenbus_own_number(bus, "mtu", MTU_DEFAULT);
    uint64_t most;

    frontend->sg = xenbus_number(bus, "feature-sg", 0) == 1;
    frontend->csum6 = xenbus_number(bus, "feature-ipv6-csum-offload", 0) == 1;
    frontend->split = xenbus_number(bus, "feature-split-event-channels", 0) == 1;
    most = frontend->sg ? MTU_MAX : MTU_ONE_PAGE;
    net->mtu = (uint16_t)(mtu >= MTU_MIN && mtu <= most ? mtu : MTU_DEFAULT);
    frontend->csum = xenbus_number(bus, "feature-no-csum-offload", 0) != 1;
    /* The kernel has once and for all left its checksums to us. */
    net->tx_csum |= frontend->csum;
    net->tx_tso4 = frontend->sg && frontend->csum &&
                   xenbus_number(bus, "feature-gso-tcpv4", 0) == 1;
    net->tx_tso6 = frontend->sg && frontend->csum && frontend->csum6 &&
                   xenbus_number(bus, "feature-gso-tcpv6", 0) == 1;
    net->rx_frame_max = XEN_NETIF_MAX_TX_SIZE;
    net->rx_slots = RX_QUEUE;
    net->tx_slots = TX_PAGES;
    net->segments_max = SEGMENTS_MAX;
    net->rx_headroom = HEADROOM;
    mac_read(frontend);
}

static const char *net_offer(void *driven)
{
    struct xen_net *frontend = driven;
    const char *wrong;

    if (xenbus_number(frontend->bus, "feature-rx-copy", 0) != 1)
        return "its backend does not copy";
    limits_read(frontend);
    wrong = rings_open(frontend);
    return wrong != NULL ? wrong : rings_publish(frontend);
}

/* Frames that a restore found on their way out are lost, as on any wire, and count as sent; what the
 * ring held to be received is lost with it. */
static const char *net_connected(void *driven)
{
    struct xen_net *frontend = driven;

    xen_event_raise(frontend->net.tx_event); /* frames may wait for it */
    return NULL;
}

/* The link is up as long as the backend is there. After a restore it was down once, however quickly
 * that passed: the frontend may be at another port of another bridge, and is to be announced. */
static void net_refresh(struct pv_net *net)
{
    struct xen_net *frontend = xen_net_of(net);
    int there = xen_net_ready(frontend);
    unsigned state = xen_upcalls_mask();

    net->link_up = there > 0 && !frontend->moved;
    if (there >= 0 && frontend->moved)
        xen_event_raise(net->config_event);
    frontend->moved = false;
    xen_upcalls_restore(state);
}

int xen_net_ready(struct xen_net *frontend)
{
    const char *wrong;

    if (frontend->net.fault)
        return -EIO;
    if (xenbus_ready(frontend->bus, &wrong))
        return 1;
    return wrong == NULL ? 0 : xen_net_fail(frontend, wrong);
}

static size_t net_memory_bytes(const struct pv_device *device)
{
    (void)device;
    return (FRONTEND_PAGES + 2u + RX_PAGES + TX_PAGES) * XEN_PAGE_BYTES;
}

static int net_attach(const struct pv_device *device, void *memory, struct pv_net **net)
{
    static const struct xenbus_driver driver = {net_forget, net_offer, net_connected};
    struct xen_net *frontend = memory;
    uint8_t *shared = (uint8_t *)memory + FRONTEND_PAGES * XEN_PAGE_BYTES;
    const char *wrong;

    frontend->bus = xenbus_device_of(device);
    frontend->bus->driver = &driver;
    frontend->bus->frontend = frontend;
    frontend->rx_ring = (struct xen_pages){shared, &frontend->rx_ring_ref, 1, false};
    shared += XEN_PAGE_BYTES;
    frontend->tx_ring = (struct xen_pages){shared, &frontend->tx_ring_ref, 1, false};
    shared += XEN_PAGE_BYTES;
    frontend->rx_pool = (struct xen_pages){shared, frontend->rx_refs, RX_PAGES, false};
    shared += RX_PAGES * XEN_PAGE_BYTES;
    frontend->tx_pool = (struct xen_pages){shared, frontend->tx_refs, TX_PAGES, true};
    *net = &frontend->net;
    wrong = xenbus_attach(frontend->bus);
    frontend->moved = false;
    frontend->net.link_up = wrong == NULL;
    return wrong == NULL ? 0 : xen_net_fail(frontend, wrong);
}

const struct pv_net_ops xen_net_ops = {
    .memory_bytes = net_memory_bytes,
    .attach = net_attach,
    .rx_post = xen_net_rx_post,
    .rx_take = xen_net_rx_take,
    .rx_ask = xen_net_rx_ask,
    .rx_kick = xen_net_rx_kick,
    .tx_post = xen_net_tx_post,
    .tx_take = xen_net_tx_take,
    .tx_ask = xen_net_tx_ask,
    .tx_kick = xen_net_tx_kick,
    .refresh = net_refresh,
};
