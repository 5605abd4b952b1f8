/* SPDX-License-Identifier: BSD-2-Clause */
/* What lwIP calls while it handles a packet; net/port/ fulfils it. */
#ifndef ARCH_HOOKS_H
#define ARCH_HOOKS_H

#include "lwip/ip_addr.h"

/* Initial sequence number of a connection (RFC 6528). */
u32_t net_tcp_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
                  u16_t remote_port);

/* A segment goes out; pcb may be NULL. Counts those sent again. Returns `options`: none are
 * added. */
struct tcp_hdr;
struct tcp_pcb;
u32_t *net_tcp_segment_out(const struct tcp_hdr *header, const struct tcp_pcb *pcb, u32_t *options);

#endif
