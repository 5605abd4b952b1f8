/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket addresses: POSIX's to lwIP's and back. On an AF_INET6 socket, IPv4 peers appear as mapped
 * addresses (::ffff:a.b.c.d) unless IPV6_V6ONLY is set. Under the stack's lock.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/random.h"
#include "lwip/netif.h"
#include "socket.h"

#define PORT_FIRST 49152u
#define PORT_COUNT 16384u

uint8_t socket_ip_type(const struct socket *socket)
{
    if (socket->domain == AF_INET)
        return IPADDR_TYPE_V4;
    return socket->v6_only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;
}

uint16_t port_random(void)
{
    return (uint16_t)(PORT_FIRST + random_u32() % PORT_COUNT);
}

static int from_in(const struct sockaddr *address, socklen_t bytes, struct endpoint *endpoint)
{
    struct sockaddr_in in;
    if (bytes < sizeof in)
        return -EINVAL;
    memcpy(&in, address, sizeof in);
    memset(endpoint, 0, sizeof *endpoint);
    IP_SET_TYPE_VAL(endpoint->ip, IPADDR_TYPE_V4);
    ip_2_ip4(&endpoint->ip)->addr = in.sin_addr.s_addr;
    endpoint->port = ntohs(in.sin_port);
    return 0;
}

static int from_in6(const struct socket *socket, const struct sockaddr *address, socklen_t bytes,
                    struct endpoint *endpoint)
{
    struct sockaddr_in6 in6;
    if (bytes < sizeof in6)
        return -EINVAL;
    memcpy(&in6, address, sizeof in6);
    memset(endpoint, 0, sizeof *endpoint);
    endpoint->port = ntohs(in6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
        if (socket->v6_only)
            return -EADDRNOTAVAIL;
        IP_SET_TYPE_VAL(endpoint->ip, IPADDR_TYPE_V4);
        ip_2_ip4(&endpoint->ip)->addr = in6.sin6_addr.s6_addr32[3];
        return 0;
    }
    ip6_addr_t *ip6 = ip_2_ip6(&endpoint->ip);
    IP_SET_TYPE_VAL(endpoint->ip, IPADDR_TYPE_V6);
    memcpy(ip6->addr, &in6.sin6_addr, sizeof ip6->addr);
    ip6_addr_clear_zone(ip6);
    if (ip6_addr_has_scope(ip6, IP6_UNKNOWN))
        ip6_addr_set_zone(ip6, (u8_t)in6.sin6_scope_id);
    return 0;
}

int endpoint_from_sockaddr(const struct socket *socket, const struct sockaddr *address,
                           socklen_t bytes, struct endpoint *endpoint)
{
    if (bytes < sizeof address->sa_family)
        return -EINVAL;
    if (address->sa_family == AF_INET && socket->domain == AF_INET)
        return from_in(address, bytes, endpoint);
    if (address->sa_family == AF_INET6 && socket->domain == AF_INET6)
        return from_in6(socket, address, bytes, endpoint);
    return -EAFNOSUPPORT;
}

static void to_in6(const struct endpoint *endpoint, struct sockaddr_in6 *in6)
{
    *in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    if (IP_IS_V6(&endpoint->ip)) {
        const ip6_addr_t *ip6 = ip_2_ip6(&endpoint->ip);
        memcpy(&in6->sin6_addr, ip6->addr, sizeof ip6->addr);
        in6->sin6_scope_id = ip6_addr_zone(ip6);
    } else if (IP_IS_V4_VAL(endpoint->ip)) {
        in6->sin6_addr.s6_addr32[2] = htonl(0xffff);
        in6->sin6_addr.s6_addr32[3] = ip_2_ip4(&endpoint->ip)->addr;
    }
}

/* POSIX: the address is cut to the room there is; *bytes becomes its full length. */
static void address_give(const void *from, socklen_t full, struct sockaddr *address,
                         socklen_t *bytes)
{
    memcpy(address, from, *bytes < full ? *bytes : full);
    *bytes = full;
}

void endpoint_to_sockaddr(const struct socket *socket, const struct endpoint *endpoint,
                          struct sockaddr *address, socklen_t *bytes)
{
    if (socket->domain == AF_UNIX) { /* without a name */
        const sa_family_t family = AF_UNIX;
        address_give(&family, sizeof family, address, bytes);
    } else if (socket->domain == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
        in.sin_addr.s_addr = ip_2_ip4(&endpoint->ip)->addr;
        address_give(&in, sizeof in, address, bytes);
    } else {
        struct sockaddr_in6 in6;
        to_in6(endpoint, &in6);
        address_give(&in6, sizeof in6, address, bytes);
    }
}
