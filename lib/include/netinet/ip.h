/* SPDX-License-Identifier: BSD-2-Clause */
/* The IPv4 header (RFC 791), for programs with raw sockets. */
#ifndef _NETINET_IP_H
#define _NETINET_IP_H

#include <netinet/in.h>

struct ip {
    unsigned ip_hl : 4; /* header length in words of four bytes */
    unsigned ip_v : 4;
    uint8_t ip_tos;
    uint16_t ip_len;
    uint16_t ip_id;
    uint16_t ip_off;
#define IP_RF 0x8000
#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFMASK 0x1fff
    uint8_t ip_ttl;
    uint8_t ip_p;
    uint16_t ip_sum;
    struct in_addr ip_src, ip_dst;
};

#define IPVERSION 4
#define IP_MAXPACKET 65535
#define IPDEFTTL 64

#define IPTOS_LOWDELAY 0x10
#define IPTOS_THROUGHPUT 0x08
#define IPTOS_RELIABILITY 0x04

#endif
