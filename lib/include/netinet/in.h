/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet addresses (POSIX.1-2024, <netinet/in.h>), with what programs commonly expect beyond it.
 * Layouts are POSIX's: no length byte in the addresses.
 */
#ifndef _NETINET_IN_H
#define _NETINET_IN_H

#include <stdint.h>
#include <sys/cdefs.h>
#include <sys/socket.h>
#include <sys/types.h>

struct in_addr {
    in_addr_t s_addr; /* network byte order */
};

struct sockaddr_in {
    sa_family_t sin_family; /* AF_INET */
    in_port_t sin_port;     /* network byte order */
    struct in_addr sin_addr;
    unsigned char sin_zero[8];
};

struct in6_addr {
    union {
        uint8_t __u6_addr8[16];
        uint16_t __u6_addr16[8];
        uint32_t __u6_addr32[4];
    } __in6_u;
};
#define s6_addr __in6_u.__u6_addr8
#define s6_addr16 __in6_u.__u6_addr16
#define s6_addr32 __in6_u.__u6_addr32

struct sockaddr_in6 {
    sa_family_t sin6_family; /* AF_INET6 */
    in_port_t sin6_port;     /* network byte order */
    uint32_t sin6_flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id; /* index of the interface of a link-local address */
};

struct ip_mreq {
    struct in_addr imr_multiaddr;
    struct in_addr imr_interface;
};

struct ip_mreqn {
    struct in_addr imr_multiaddr;
    struct in_addr imr_address;
    int imr_ifindex;
};

struct ipv6_mreq {
    struct in6_addr ipv6mr_multiaddr;
    unsigned ipv6mr_interface;
};

#define INET_ADDRSTRLEN 16
#define INET6_ADDRSTRLEN 46

#define INADDR_ANY ((in_addr_t)0x00000000)
#define INADDR_LOOPBACK ((in_addr_t)0x7f000001)
#define INADDR_BROADCAST ((in_addr_t)0xffffffff)
#define INADDR_NONE ((in_addr_t)0xffffffff)
#define INADDR_UNSPEC_GROUP ((in_addr_t)0xe0000000)
#define INADDR_ALLHOSTS_GROUP ((in_addr_t)0xe0000001)

#define IN_CLASSD(a) (((in_addr_t)(a)&0xf0000000) == 0xe0000000)
#define IN_MULTICAST(a) IN_CLASSD(a)

#define IN6ADDR_ANY_INIT \
    {                    \
        {                \
            {            \
                0        \
            }            \
        }                \
    }
#define IN6ADDR_LOOPBACK_INIT                                  \
    {                                                          \
        {                                                      \
            {                                                  \
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 \
            }                                                  \
        }                                                      \
    }

enum {
    IPPROTO_IP = 0,
    IPPROTO_HOPOPTS = 0,
    IPPROTO_ICMP = 1,
    IPPROTO_IGMP = 2,
    IPPROTO_TCP = 6,
    IPPROTO_UDP = 17,
    IPPROTO_IPV6 = 41,
    IPPROTO_ROUTING = 43,
    IPPROTO_FRAGMENT = 44,
    IPPROTO_ICMPV6 = 58,
    IPPROTO_NONE = 59,
    IPPROTO_DSTOPTS = 60,
    IPPROTO_RAW = 255,
};
#define IPPROTO_TCP IPPROTO_TCP
#define IPPROTO_UDP IPPROTO_UDP
#define IPPROTO_IP IPPROTO_IP
#define IPPROTO_IPV6 IPPROTO_IPV6
#define IPPROTO_ICMP IPPROTO_ICMP
#define IPPROTO_ICMPV6 IPPROTO_ICMPV6

#define IPPORT_RESERVED 1024

/* Options at level IPPROTO_IP. */
#define IP_TOS 1
#define IP_TTL 2
#define IP_MULTICAST_IF 32
#define IP_MULTICAST_TTL 33
#define IP_MULTICAST_LOOP 34
#define IP_ADD_MEMBERSHIP 35
#define IP_DROP_MEMBERSHIP 36

/* Options at level IPPROTO_IPV6. */
#define IPV6_UNICAST_HOPS 16
#define IPV6_MULTICAST_IF 17
#define IPV6_MULTICAST_HOPS 18
#define IPV6_MULTICAST_LOOP 19
#define IPV6_JOIN_GROUP 20
#define IPV6_LEAVE_GROUP 21
#define IPV6_ADD_MEMBERSHIP IPV6_JOIN_GROUP
#define IPV6_DROP_MEMBERSHIP IPV6_LEAVE_GROUP
#define IPV6_V6ONLY 26
#define IPV6_TCLASS 67

#define __IN6_32(a, i) (((const struct in6_addr *)(a))->s6_addr32[i])
#define __IN6_8(a, i) (((const struct in6_addr *)(a))->s6_addr[i])
#define IN6_IS_ADDR_UNSPECIFIED(a) \
    (__IN6_32(a, 0) == 0 && __IN6_32(a, 1) == 0 && __IN6_32(a, 2) == 0 && __IN6_32(a, 3) == 0)
#define IN6_IS_ADDR_LOOPBACK(a)                                           \
    (__IN6_32(a, 0) == 0 && __IN6_32(a, 1) == 0 && __IN6_32(a, 2) == 0 && \
     __IN6_32(a, 3) == __htonl(1))
#define IN6_IS_ADDR_MULTICAST(a) (__IN6_8(a, 0) == 0xff)
#define IN6_IS_ADDR_LINKLOCAL(a) (__IN6_8(a, 0) == 0xfe && (__IN6_8(a, 1) & 0xc0) == 0x80)
#define IN6_IS_ADDR_SITELOCAL(a) (__IN6_8(a, 0) == 0xfe && (__IN6_8(a, 1) & 0xc0) == 0xc0)
#define IN6_IS_ADDR_V4MAPPED(a) \
    (__IN6_32(a, 0) == 0 && __IN6_32(a, 1) == 0 && __IN6_32(a, 2) == __htonl(0xffff))
#define IN6_IS_ADDR_V4COMPAT(a)                                           \
    (__IN6_32(a, 0) == 0 && __IN6_32(a, 1) == 0 && __IN6_32(a, 2) == 0 && \
     __ntohl(__IN6_32(a, 3)) > 1)
#define IN6_IS_ADDR_MC_LINKLOCAL(a) (IN6_IS_ADDR_MULTICAST(a) && (__IN6_8(a, 1) & 0xf) == 2)
#define IN6_ARE_ADDR_EQUAL(a, b)                                             \
    (__IN6_32(a, 0) == __IN6_32(b, 0) && __IN6_32(a, 1) == __IN6_32(b, 1) && \
     __IN6_32(a, 2) == __IN6_32(b, 2) && __IN6_32(a, 3) == __IN6_32(b, 3))

__BEGIN_DECLS

extern const struct in6_addr in6addr_any;
extern const struct in6_addr in6addr_loopback;

uint32_t htonl(uint32_t host);
uint16_t htons(uint16_t host);
uint32_t ntohl(uint32_t network);
uint16_t ntohs(uint16_t network);
#define htonl(x) __htonl(x)
#define htons(x) __htons(x)
#define ntohl(x) __ntohl(x)
#define ntohs(x) __ntohs(x)

__END_DECLS

#endif
