/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP and raw IP sockets over lwIP's raw API: what arrives waits in a bounded queue, what does not
 * fit is dropped. Under the stack's lock; the on_ functions are called by lwIP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/raw.h"
#include "lwip/udp.h"
#include "socket.h"
#include "stack.h"

#define PORT_TRIES 32
#define OVERHEAD_BYTES 256u /* charged for each datagram besides its data */
#define UDP_MOST 65507u

struct datagram {
    struct datagram *next;
    struct pbuf *data;
    struct endpoint from;
};

static bool is_raw(const struct socket *socket)
{
    return socket->type == SOCK_RAW;
}

static void datagram_update(struct socket *socket)
{
    short events = POLLOUT | POLLWRNORM;
    if (socket->first || socket->receive_ended)
        events |= POLLIN | POLLRDNORM;
    socket_events(socket, events);
}

/* ---- called by lwIP ----------------------------------------------------------------------- */

/* Takes over `data`. */
static void queue_add(struct socket *socket, struct pbuf *data, const ip_addr_t *ip, u16_t port)
{
    uint32_t charge = data->tot_len + OVERHEAD_BYTES;
    struct datagram *datagram = NULL;
    if (!socket->receive_ended && !memory_is_short() &&
        socket->queued_bytes + charge <= socket->receive_limit)
        datagram = malloc(sizeof *datagram);
    if (!datagram) {
        pbuf_free(data);
        return;
    }
    *datagram = (struct datagram){.data = data, .from.port = port};
    ip_addr_copy(datagram->from.ip, *ip);
    if (socket->last)
        ((struct datagram *)socket->last)->next = datagram;
    else
        socket->first = datagram;
    socket->last = datagram;
    socket->queued_bytes += charge;
    datagram_update(socket);
}

static void on_udp(void *argument, struct udp_pcb *pcb, struct pbuf *data, const ip_addr_t *ip,
                   u16_t port)
{
    (void)pcb;
    queue_add(argument, data, ip, port);
}

/* Others may want the packet too: a copy is taken. IPv6 sockets get it without its header. */
static u8_t on_raw(void *argument, struct raw_pcb *pcb, struct pbuf *packet, const ip_addr_t *ip)
{
    struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, packet);
    (void)pcb;
    if (copy && ip_current_is_v6())
        pbuf_remove_header(copy, ip_current_header_tot_len());
    if (copy)
        queue_add(argument, copy, ip, 0);
    return 0; /* not eaten */
}

/* ---- the pcb ------------------------------------------------------------------------------ */

static int datagram_open(struct socket *socket)
{
    if (is_raw(socket)) {
        socket->pcb.raw = raw_new_ip_type(socket_ip_type(socket), socket->number);
        if (socket->pcb.raw)
            raw_recv(socket->pcb.raw, on_raw, socket);
    } else {
        socket->pcb.udp = udp_new_ip_type(socket_ip_type(socket));
        if (socket->pcb.udp)
            udp_recv(socket->pcb.udp, on_udp, socket);
    }
    datagram_update(socket);
    return socket->pcb.any ? 0 : -ENOBUFS;
}

static int datagram_bind(struct socket *socket, const struct endpoint *local)
{
    err_t error = ERR_USE;
    if (is_raw(socket))
        return errno_of_lwip(raw_bind(socket->pcb.raw, &local->ip));
    if (socket->bound)
        return -EINVAL;
    if (local->port)
        error = udp_bind(socket->pcb.udp, &local->ip, local->port);
    for (int i = 0; !local->port && error == ERR_USE && i < PORT_TRIES; i++)
        error = udp_bind(socket->pcb.udp, &local->ip, port_random());
    if (error == ERR_USE && !local->port)
        error = udp_bind(socket->pcb.udp, &local->ip, 0);
    socket->bound = error == ERR_OK;
    return errno_of_lwip(error);
}

static int bind_if_needed(struct socket *socket)
{
    if (socket->bound || is_raw(socket))
        return 0;
    struct endpoint any = {.port = 0};
    IP_SET_TYPE_VAL(any.ip, socket_ip_type(socket));
    return datagram_bind(socket, &any);
}

static int datagram_connect(struct socket *socket, const struct endpoint *remote)
{
    if (!remote) {
        if (is_raw(socket))
            raw_disconnect(socket->pcb.raw);
        else
            udp_disconnect(socket->pcb.udp);
        socket->connected = false;
        return 0;
    }
    int result = bind_if_needed(socket);
    if (result < 0)
        return result;
    err_t error = is_raw(socket) ? raw_connect(socket->pcb.raw, &remote->ip)
                                 : udp_connect(socket->pcb.udp, &remote->ip, remote->port);
    socket->connected = error == ERR_OK;
    return errno_of_lwip(error);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* The device cannot complete the checksum of a datagram that leaves in fragments: lwIP does. */
static err_t udp_send_checked(struct udp_pcb *pcb, struct pbuf *data, const struct endpoint *to)
{
    struct netif *netif = ip_route(&pcb->local_ip, &to->ip);
    if (!netif || data->tot_len + 48u <= netif->mtu)
        return udp_sendto(pcb, data, &to->ip, to->port);
    u16_t flags = netif->chksum_flags;
    netif->chksum_flags |= NETIF_CHECKSUM_GEN_UDP;
    err_t error = udp_sendto(pcb, data, &to->ip, to->port);
    netif->chksum_flags = flags;
    return error;
}

static int errno_of_send(err_t error)
{
    switch (error) {
    case ERR_MEM:
        return -ENOBUFS;
    case ERR_VAL:
        return -EACCES; /* a broadcast without SO_BROADCAST */
    case ERR_RTE:
        return -ENETUNREACH;
    default:
        return errno_of_lwip(error);
    }
}

static ssize_t datagram_send(struct socket *socket, struct span *data, int flags,
                             const struct endpoint *remote)
{
    struct endpoint to;
    size_t bytes = data->bytes;

    (void)flags;
    if (socket->send_ended)
        return -EPIPE;
    if (bytes > UDP_MOST)
        return -EMSGSIZE;
    if (!remote && !socket->connected)
        return -EDESTADDRREQ;
    int result = bind_if_needed(socket);
    if (result < 0)
        return result;
    if (!remote) {
        result = socket->protocol->remote(socket, &to);
        remote = &to;
    }
    struct pbuf *packet = pbuf_alloc(is_raw(socket) ? PBUF_IP : PBUF_TRANSPORT, (u16_t)bytes,
                                     PBUF_RAM);
    if (!packet)
        return -ENOBUFS;
    span_take(data, packet->payload, bytes);
    err_t error = is_raw(socket) ? raw_sendto(socket->pcb.raw, packet, &remote->ip)
                                 : udp_send_checked(socket->pcb.udp, packet, remote);
    pbuf_free(packet);
    return error == ERR_OK ? (ssize_t)bytes : errno_of_send(error);
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void queue_drop_first(struct socket *socket)
{
    struct datagram *first = socket->first;
    socket->first = first->next;
    if (!socket->first)
        socket->last = NULL;
    socket->queued_bytes -= first->data->tot_len + OVERHEAD_BYTES;
    pbuf_free(first->data);
    free(first);
    datagram_update(socket);
}

static ssize_t datagram_receive(struct socket *socket, struct span *data, int *flags,
                                struct endpoint *remote)
{
    uint64_t deadline_ns = socket_deadline(socket->receive_timeout_ms);
    int asked = *flags;

    while (!socket->first) {
        if (socket->receive_ended)
            return 0;
        if (socket_is_nonblocking(socket, asked))
            return -EAGAIN;
        int result = socket_wait(socket, deadline_ns);
        if (result < 0)
            return result;
    }
    const struct datagram *first = socket->first;
    size_t full = first->data->tot_len;
    size_t total = 0;
    for (const struct pbuf *part = first->data; part && data->bytes; part = part->next) {
        size_t bytes = part->len < data->bytes ? part->len : data->bytes;
        span_put(data, part->payload, bytes);
        total += bytes;
    }
    *remote = first->from;
    *flags = total < full ? MSG_TRUNC : 0;
    if (!(asked & MSG_PEEK))
        queue_drop_first(socket);
    return (ssize_t)(asked & MSG_TRUNC ? full : total);
}

static size_t datagram_readable_bytes(struct socket *socket)
{
    const struct datagram *first = socket->first;
    return first ? first->data->tot_len : 0;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static int datagram_shutdown(struct socket *socket, bool receiving, bool sending)
{
    if (!socket->connected)
        return -ENOTCONN;
    socket->receive_ended |= receiving;
    socket->send_ended |= sending;
    datagram_update(socket);
    return 0;
}

static void datagram_close(struct socket *socket, bool may_block)
{
    (void)may_block;
    memberships_drop(socket);
    if (socket->pcb.any && is_raw(socket))
        raw_remove(socket->pcb.raw);
    else if (socket->pcb.any)
        udp_remove(socket->pcb.udp);
    while (socket->first)
        queue_drop_first(socket);
    socket_free(socket);
}

static int datagram_local(struct socket *socket, struct endpoint *local)
{
    const struct ip_pcb *pcb = socket->pcb.any;
    ip_addr_copy(local->ip, pcb->local_ip);
    local->port = is_raw(socket) ? 0 : socket->pcb.udp->local_port;
    return 0;
}

static int datagram_remote(struct socket *socket, struct endpoint *remote)
{
    const struct ip_pcb *pcb = socket->pcb.any;
    if (!socket->connected)
        return -ENOTCONN;
    ip_addr_copy(remote->ip, pcb->remote_ip);
    remote->port = is_raw(socket) ? 0 : socket->pcb.udp->remote_port;
    return 0;
}

/* Multicast: what goes out. Joining groups is in options.c. */
static int datagram_option_set(struct socket *socket, int level, int option, int value)
{
    if (is_raw(socket) || (level != IPPROTO_IP && level != IPPROTO_IPV6))
        return -ENOPROTOOPT;
    struct udp_pcb *pcb = socket->pcb.udp;
    bool v6 = level == IPPROTO_IPV6;
    if (option == (v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL)) {
        udp_set_multicast_ttl(pcb, (u8_t)(value < 0 ? 1 : value));
    } else if (option == (v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP)) {
        u8_t flags = udp_flags(pcb) & (u8_t)~UDP_FLAGS_MULTICAST_LOOP;
        udp_setflags(pcb, value ? flags | UDP_FLAGS_MULTICAST_LOOP : flags);
    } else if (v6 && option == IPV6_MULTICAST_IF) {
        udp_set_multicast_netif_index(pcb, (u8_t)value);
    } else if (!v6 && option == IP_MULTICAST_IF) {
        ip4_addr_t ip = {(u32_t)value};
        udp_set_multicast_netif_addr(pcb, &ip);
    } else {
        return -ENOPROTOOPT;
    }
    return 0;
}

static int datagram_option_get(struct socket *socket, int level, int option, int *value)
{
    if (is_raw(socket) || (level != IPPROTO_IP && level != IPPROTO_IPV6))
        return -ENOPROTOOPT;
    const struct udp_pcb *pcb = socket->pcb.udp;
    bool v6 = level == IPPROTO_IPV6;
    if (option == (v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL))
        *value = udp_get_multicast_ttl(pcb);
    else if (option == (v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP))
        *value = (udp_flags(pcb) & UDP_FLAGS_MULTICAST_LOOP) != 0;
    else
        return -ENOPROTOOPT;
    return 0;
}

const struct protocol datagram_protocol = {
    .open = datagram_open,
    .bind = datagram_bind,
    .connect = datagram_connect,
    .send = datagram_send,
    .receive = datagram_receive,
    .shutdown = datagram_shutdown,
    .local = datagram_local,
    .remote = datagram_remote,
    .option_set = datagram_option_set,
    .option_get = datagram_option_get,
    .readable_bytes = datagram_readable_bytes,
    .close = datagram_close,
};
