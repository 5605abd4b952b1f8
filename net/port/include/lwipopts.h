/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwIP as Coracle uses it: the raw API under one lock (net/internal/stack.h), called in the threads
 * of the callers; no thread, mailbox or timer list of its own. Memory comes from the C library's
 * heap, counted and bounded by net/port/memory.c, so what lwIP calls pool sizes has no meaning
 * here.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

/* The system below. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 1
#define LWIP_TIMERS_CUSTOM 1 /* net/port/timers.c: nothing ticks in an idle guest */
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
#define LWIP_ASSERT_CORE_LOCKED() LWIP_ASSERT("", net_mutex.owner != NULL)
#define LWIP_MPU_COMPATIBLE 0

/* Memory. */
#define MEM_ALIGNMENT 8
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC net_memory_malloc
#define MEM_CUSTOM_CALLOC net_memory_calloc
#define MEM_CUSTOM_FREE net_memory_free
#define MEMP_MEM_MALLOC 1
#define LWIP_SUPPORT_CUSTOM_PBUF 1

/* Interfaces. */
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_LOOPIF_MULTICAST 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHKSUM net_checksum
#define ARP_TABLE_SIZE 64
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 8
#define ETH_PAD_SIZE 0

/* IPv4. Reassembly holds at most these pbufs, whatever arrives. */
#define LWIP_IPV4 1
#define IP_DEFAULT_TTL 64
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 64
#define IP_FRAG 1
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 0
#define LWIP_ICMP 1
#define LWIP_IGMP 1
#define LWIP_MULTICAST_TX_OPTIONS 1
#define LWIP_RAW 1
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* it costs seconds at each boot */
#define LWIP_ACD 0
#define LWIP_AUTOIP 0

/* IPv6. */
#define LWIP_IPV6 1
#define LWIP_IPV6_NUM_ADDRESSES 4
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_IPV6_DHCP6 0
#define LWIP_ND6_NUM_NEIGHBORS 32
#define LWIP_ND6_NUM_DESTINATIONS 32
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 1 /* see name_servers_order in net/interface.c */
#define IPV6_FRAG_COPYHEADER 1           /* pointers are larger than what lwIP would overlay */

/* Names. */
#define LWIP_DNS 1
#define DNS_TABLE_SIZE 8
#define DNS_MAX_SERVERS 2

/* UDP and TCP. */
#define LWIP_UDP 1
#define LWIP_TCP 1
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256 * 1024)
#define TCP_SND_BUF (256 * 1024)
#define TCP_SND_QUEUELEN (4 * (TCP_SND_BUF / TCP_MSS))
#define TCP_SNDLOWAT (4 * TCP_MSS) /* unused, but lwIP checks its own default */
#define TCP_OVERSIZE TCP_MSS
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_TCP_RTO_TIME 1000 /* ms; RFC 6298, 2.1 */
#define TCP_MSL 15000UL        /* ms; TIME-WAIT lasts twice as long */
#define TCP_LISTEN_BACKLOG 0   /* lwIP's counts to 255; net/socket_listen.c has its own */
/* The first tells the socket when its connection is gone, the second is lwip.c's. */
#define LWIP_TCP_PCB_NUM_EXT_ARGS 2
#define LWIP_HOOK_TCP_ISN net_tcp_isn
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options) \
    net_tcp_segment_out(header, pcb, options)

/* Counters: those of RFC 4022 (TCP) and RFC 4113 (UDP), shown by net/metrics.c. */
#define LWIP_STATS 1
#define MIB2_STATS 1
#define LINK_STATS 0
#define ETHARP_STATS 0
#define IP_STATS 0
#define IPFRAG_STATS 0
#define ICMP_STATS 0
#define IGMP_STATS 0
#define UDP_STATS 0
#define TCP_STATS 0
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
#define IP6_STATS 0
#define ICMP6_STATS 0
#define IP6_FRAG_STATS 0
#define MLD6_STATS 0
#define ND6_STATS 0

/* lwIP's hooks are called from files that include this one but not lwIP's types yet. */
#include "kernel/sync.h"
#include <stddef.h>
#include <stdint.h>
struct ip_addr;
extern struct mutex net_mutex; /* stack.c's */
void *net_memory_malloc(size_t bytes);
void *net_memory_calloc(size_t count, size_t bytes);
void net_memory_free(void *memory);
uint16_t net_checksum(const void *data, int bytes);
#define LWIP_HOOK_FILENAME "arch/hooks.h"

#endif
