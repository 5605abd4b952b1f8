/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket options (POSIX.1-2024, 2.10.16, and the usual ones beyond it). Those at level SOL_SOCKET
 * and the IP options that every pcb has are here; the rest is asked of the protocol. Multicast
 * memberships end with their socket. Under the stack's lock.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "lwip/igmp.h"
#include "lwip/ip.h"
#include "lwip/mld6.h"
#include "lwip/netif.h"
#include "socket.h"
#include "stack.h"

#define BUFFER_LEAST 4096
#define BUFFER_MOST (1024 * 1024)

struct memberships {
    struct memberships *next;
    u8_t interface;
    ip_addr_t group;
};

/* What all of lwIP's pcbs begin with; NULL when there is none (any more). */
static struct ip_pcb *socket_ip_pcb(const struct socket *socket)
{
    return socket->domain == AF_UNIX ? NULL : socket->pcb.any;
}

/* ---- multicast groups --------------------------------------------------------------------- */

static err_t group_change(struct netif *netif, const ip_addr_t *group, bool join)
{
    if (IP_IS_V6(group))
        return join ? mld6_joingroup_netif(netif, ip_2_ip6(group))
                    : mld6_leavegroup_netif(netif, ip_2_ip6(group));
    return join ? igmp_joingroup_netif(netif, ip_2_ip4(group))
                : igmp_leavegroup_netif(netif, ip_2_ip4(group));
}

/* The interface by index, by one of its addresses, or where packets for the group go. */
static struct netif *group_interface(unsigned index, u32_t ip4, const ip_addr_t *group)
{
    struct netif *netif;
    if (index)
        return netif_get_by_index((u8_t)index);
    if (!ip4)
        return IP_IS_V6(group) ? netif_default : ip4_route(ip_2_ip4(group));
    NETIF_FOREACH(netif)
        if (netif_ip4_addr(netif)->addr == ip4)
            return netif;
    return NULL;
}

static int membership_join(struct socket *socket, struct netif *netif, const ip_addr_t *group)
{
    struct memberships *membership = calloc(1, sizeof *membership);
    if (!membership)
        return -ENOBUFS;
    err_t error = group_change(netif, group, true);
    if (error != ERR_OK) {
        free(membership);
        return errno_of_lwip(error);
    }
    membership->interface = netif_get_index(netif);
    ip_addr_copy(membership->group, *group);
    membership->next = socket->memberships;
    socket->memberships = membership;
    return 0;
}

static void membership_end(struct memberships **at)
{
    struct memberships *membership = *at;
    struct netif *netif = netif_get_by_index(membership->interface);
    *at = membership->next;
    if (netif)
        group_change(netif, &membership->group, false);
    free(membership);
}

static int membership_leave(struct socket *socket, struct netif *netif, const ip_addr_t *group)
{
    struct memberships **at = &socket->memberships;
    for (; *at; at = &(*at)->next) {
        if ((*at)->interface == netif_get_index(netif) && ip_addr_eq(&(*at)->group, group)) {
            membership_end(at);
            return 0;
        }
    }
    return -EADDRNOTAVAIL;
}

void memberships_drop(struct socket *socket)
{
    while (socket->memberships)
        membership_end(&socket->memberships);
}

static int membership_option(struct socket *socket, bool v6, bool join, const void *value,
                             socklen_t bytes)
{
    ip_addr_t group;
    unsigned index = 0;
    u32_t ip4 = 0;
    memset(&group, 0, sizeof group);
    if (v6) {
        struct ipv6_mreq request;
        if (bytes < sizeof request)
            return -EINVAL;
        memcpy(&request, value, sizeof request);
        memcpy(ip_2_ip6(&group)->addr, &request.ipv6mr_multiaddr, 16);
        index = request.ipv6mr_interface;
    } else {
        struct ip_mreqn request = {.imr_ifindex = 0};
        if (bytes < sizeof(struct ip_mreq))
            return -EINVAL;
        memcpy(&request, value, bytes < sizeof request ? bytes : sizeof request);
        ip_2_ip4(&group)->addr = request.imr_multiaddr.s_addr;
        ip4 = request.imr_address.s_addr;
        index = (unsigned)request.imr_ifindex;
    }
    IP_SET_TYPE_VAL(group, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
    struct netif *netif = group_interface(index, ip4, &group);
    if (!ip_addr_ismulticast(&group) || socket->type == SOCK_STREAM)
        return -EINVAL;
    if (!netif)
        return -ENODEV;
    if (v6)
        ip6_addr_assign_zone(ip_2_ip6(&group), IP6_MULTICAST, netif);
    return join ? membership_join(socket, netif, &group) : membership_leave(socket, netif, &group);
}

/* ---- SOL_SOCKET --------------------------------------------------------------------------- */

/* The options that lwIP keeps as a bit in each pcb; 0: another option. */
static u8_t pcb_flag(int option)
{
    switch (option) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        return SOF_REUSEADDR;
    case SO_KEEPALIVE:
        return SOF_KEEPALIVE;
    case SO_BROADCAST:
        return SOF_BROADCAST;
    default:
        return 0;
    }
}

static uint32_t buffer_bound(int value)
{
    if (value < BUFFER_LEAST)
        return BUFFER_LEAST;
    return value > BUFFER_MOST ? BUFFER_MOST : (uint32_t)value;
}

static int timeout_set(uint32_t *timeout_ms, const void *value, socklen_t bytes)
{
    struct timeval time;
    if (bytes < sizeof time)
        return -EINVAL;
    memcpy(&time, value, sizeof time);
    if (time.tv_sec < 0 || time.tv_usec < 0 || time.tv_usec >= 1000000)
        return -EDOM;
    uint64_t ms = (uint64_t)time.tv_sec * 1000 + ((uint64_t)time.tv_usec + 999) / 1000;
    *timeout_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    return 0;
}

static int linger_set(struct socket *socket, const void *value, socklen_t bytes)
{
    struct linger linger;
    if (bytes < sizeof linger)
        return -EINVAL;
    memcpy(&linger, value, sizeof linger);
    socket->linger = linger.l_onoff;
    socket->linger_seconds = (uint16_t)(linger.l_linger < 0 || linger.l_linger > UINT16_MAX
                                            ? UINT16_MAX
                                            : linger.l_linger);
    return 0;
}

static int socket_level_set(struct socket *socket, int option, int value)
{
    struct ip_pcb *pcb = socket_ip_pcb(socket);
    u8_t flag = pcb_flag(option);
    if (flag) {
        if (pcb && value)
            ip_set_option(pcb, flag);
        else if (pcb)
            ip_reset_option(pcb, flag);
        timers_touch();
        return 0;
    }
    switch (option) {
    case SO_SNDBUF:
        socket->send_limit = buffer_bound(value);
        return 0;
    case SO_RCVBUF:
        socket->receive_limit = buffer_bound(value);
        return 0;
    case SO_DEBUG:
    case SO_OOBINLINE:
    case SO_DONTROUTE:
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int socket_level_get(struct socket *socket, int option, int *value)
{
    const struct ip_pcb *pcb = socket_ip_pcb(socket);
    u8_t flag = pcb_flag(option);
    if (flag) {
        *value = pcb && ip_get_option(pcb, flag);
        return 0;
    }
    switch (option) {
    case SO_ERROR:
        *value = -socket_take_error(socket);
        return 0;
    case SO_TYPE:
        *value = socket->type;
        return 0;
    case SO_DOMAIN:
        *value = socket->domain;
        return 0;
    case SO_PROTOCOL:
        *value = socket->number;
        return 0;
    case SO_ACCEPTCONN:
        *value = socket->listener != NULL;
        return 0;
    case SO_SNDBUF:
        *value = (int)socket->send_limit;
        return 0;
    case SO_RCVBUF:
        *value = (int)socket->receive_limit;
        return 0;
    case SO_RCVLOWAT:
    case SO_SNDLOWAT:
        *value = 1;
        return 0;
    case SO_DEBUG:
    case SO_OOBINLINE:
    case SO_DONTROUTE:
        *value = 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- what only the protocol knows ---------------------------------------------------------- */

static int protocol_set(struct socket *socket, int level, int option, int value)
{
    if (!socket->protocol->option_set)
        return -ENOPROTOOPT;
    return socket->protocol->option_set(socket, level, option, value);
}

static int protocol_get(struct socket *socket, int level, int option, int *value)
{
    if (!socket->protocol->option_get)
        return -ENOPROTOOPT;
    return socket->protocol->option_get(socket, level, option, value);
}

/* ---- IP ----------------------------------------------------------------------------------- */

static int ip_level_set(struct socket *socket, int level, int option, int value)
{
    struct ip_pcb *pcb = socket_ip_pcb(socket);
    bool v6 = level == IPPROTO_IPV6;
    if (v6 && option == IPV6_V6ONLY) {
        if (socket->domain != AF_INET6 || socket->bound)
            return -EINVAL;
        socket->v6_only = value;
        if (pcb)
            IP_SET_TYPE_VAL(pcb->local_ip, socket_ip_type(socket));
        return 0;
    }
    if (option == (v6 ? IPV6_UNICAST_HOPS : IP_TTL)) {
        if (value < -1 || value > 255 || (value < 1 && !v6))
            return -EINVAL;
        if (pcb)
            pcb->ttl = (u8_t)(value < 1 ? IP_DEFAULT_TTL : value);
        return 0;
    }
    if (option == (v6 ? IPV6_TCLASS : IP_TOS)) {
        if (pcb)
            pcb->tos = (u8_t)value;
        return 0;
    }
    return protocol_set(socket, level, option, value);
}

static int ip_level_get(struct socket *socket, int level, int option, int *value)
{
    const struct ip_pcb *pcb = socket_ip_pcb(socket);
    bool v6 = level == IPPROTO_IPV6;
    if (v6 && option == IPV6_V6ONLY)
        *value = socket->v6_only;
    else if (option == (v6 ? IPV6_UNICAST_HOPS : IP_TTL))
        *value = pcb ? pcb->ttl : IP_DEFAULT_TTL;
    else if (option == (v6 ? IPV6_TCLASS : IP_TOS))
        *value = pcb ? pcb->tos : 0;
    else
        return protocol_get(socket, level, option, value);
    return 0;
}

/* ---- all ---------------------------------------------------------------------------------- */

/* Options whose value is no int: 1 when this was one, with *result. */
static bool special_set(struct socket *socket, int level, int option, const void *value,
                        socklen_t bytes, int *result)
{
    bool v6 = level == IPPROTO_IPV6;
    if (level == SOL_SOCKET && option == SO_RCVTIMEO)
        *result = timeout_set(&socket->receive_timeout_ms, value, bytes);
    else if (level == SOL_SOCKET && option == SO_SNDTIMEO)
        *result = timeout_set(&socket->send_timeout_ms, value, bytes);
    else if (level == SOL_SOCKET && option == SO_LINGER)
        *result = linger_set(socket, value, bytes);
    else if ((v6 && option == IPV6_JOIN_GROUP) ||
             (level == IPPROTO_IP && option == IP_ADD_MEMBERSHIP))
        *result = membership_option(socket, v6, true, value, bytes);
    else if ((v6 && option == IPV6_LEAVE_GROUP) ||
             (level == IPPROTO_IP && option == IP_DROP_MEMBERSHIP))
        *result = membership_option(socket, v6, false, value, bytes);
    else
        return false;
    return true;
}

int socket_option_set(struct socket *socket, int level, int option, const void *value,
                      socklen_t bytes)
{
    int number = 0, result;
    if (special_set(socket, level, option, value, bytes, &result))
        return result;
    /* IP_MULTICAST_TTL and its like may come as a byte. */
    if (bytes >= sizeof number)
        memcpy(&number, value, sizeof number);
    else if (bytes == 1)
        number = *(const unsigned char *)value;
    else
        return -EINVAL;
    switch (level) {
    case SOL_SOCKET:
        return socket_level_set(socket, option, number);
    case IPPROTO_IP:
    case IPPROTO_IPV6:
        return ip_level_set(socket, level, option, number);
    default:
        return protocol_set(socket, level, option, number);
    }
}

static void value_give(const void *from, socklen_t full, void *value, socklen_t *bytes)
{
    if (*bytes > full)
        *bytes = full;
    memcpy(value, from, *bytes);
}

int socket_option_get(struct socket *socket, int level, int option, void *value, socklen_t *bytes)
{
    int number = 0, result;
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        uint32_t ms = option == SO_RCVTIMEO ? socket->receive_timeout_ms : socket->send_timeout_ms;
        struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
        value_give(&time, sizeof time, value, bytes);
        return 0;
    }
    if (level == SOL_SOCKET && option == SO_LINGER) {
        struct linger linger = {socket->linger, socket->linger_seconds};
        value_give(&linger, sizeof linger, value, bytes);
        return 0;
    }
    if (level == SOL_SOCKET)
        result = socket_level_get(socket, option, &number);
    else if (level == IPPROTO_IP || level == IPPROTO_IPV6)
        result = ip_level_get(socket, level, option, &number);
    else
        result = protocol_get(socket, level, option, &number);
    if (result == 0)
        value_give(&number, sizeof number, value, bytes);
    return result;
}
