/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: tests/unit/support/net_host.c net/stack.c net/interface.c net/receive.c net/crowd.c */
/* sources: net/transmit.c net/burst.c net/frame.c net/socket.c net/stream.c */
/* sources: net/stream_options.c net/listen.c net/datagram.c net/options.c net/address.c */
/* sources: net/net_metrics.c net/port/timers.c net/port/memory.c net/port/sequence.c */
/* sources: net/port/checksum.c net/port/lwip.c $(LWIP_TREE)/src/core/def.c */
/* sources: $(LWIP_TREE)/src/core/dns.c $(LWIP_TREE)/src/core/init.c */
/* sources: $(LWIP_TREE)/src/core/stats.c $(LWIP_TREE)/src/core/sys.c */
/* sources: $(LWIP_TREE)/src/core/udp.c $(LWIP_TREE)/src/core/ipv4/dhcp.c */
/* sources: $(LWIP_TREE)/src/core/ipv4/icmp.c $(LWIP_TREE)/src/core/ipv4/igmp.c */
/* sources: $(LWIP_TREE)/src/core/ipv4/ip4_addr.c $(LWIP_TREE)/src/core/ipv4/ip4_frag.c */
/* sources: $(LWIP_TREE)/src/core/ipv6/ethip6.c $(LWIP_TREE)/src/core/ipv6/icmp6.c */
/* sources: $(LWIP_TREE)/src/core/ipv6/inet6.c $(LWIP_TREE)/src/core/ipv6/ip6.c */
/* sources: $(LWIP_TREE)/src/core/ipv6/ip6_addr.c $(LWIP_TREE)/src/core/ipv6/ip6_frag.c */
/* sources: $(LWIP_TREE)/src/core/ipv6/mld6.c $(LWIP_TREE)/src/core/ipv6/nd6.c */
/* cflags: -w -Inet/internal -Inet/port/include -isystem $(LWIP_TREE)/src -isystem $(LWIP_TREE)/src/include */
/*
 * net/ and lwIP on the host, with one network device that the test plays. Everything happens in one
 * thread: nothing blocks, time passes when the test says so.
 */
#ifndef SUPPORT_NET_HOST_H
#define SUPPORT_NET_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern uint64_t net_host_now_ns;

/* Starts the stack on the device (10.0.0.2/24, gateway 10.0.0.1), which completes checksums or cuts
 * and merges large frames, too; once. */
void net_host_start(bool tx_csum, bool large);
/* A received frame; it is cut to what a buffer holds, or all that are posted. Taken by the next net_host_run. */
void net_host_frame(const void *frame, size_t bytes, bool csum_valid);
/* One turn of the network thread, repeated until the ring is empty. */
void net_host_run(void);
/* Lets time pass, a second at a time. */
void net_host_wait(unsigned seconds);

/* Called with each frame that is sent, in one piece. */
extern void (*net_host_sent)(const unsigned char *frame, size_t bytes);
/* Receive buffers that are neither posted nor in the stack's pool: lent to lwIP or a socket. */
unsigned net_host_posted(void);
/* While true, the device completes no transmission. */
extern bool net_host_transmit_stuck;
/* From now on every call on the device fails. */
void net_host_break(void);
extern unsigned net_host_out_of_service; /* how often that was reported */
extern unsigned net_host_kicks;          /* of the transmit ring */
extern struct pv_net_meta net_host_meta; /* of the last frame sent */
/* The device's configuration says so from now on, and its event is raised. */
void net_host_link(bool up);
extern char net_host_log[100]; /* the last line */

#endif
