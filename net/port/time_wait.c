/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client may use its port again while we still hold the connection before in TIME-WAIT: its SYN
 * then opens a new one (RFC 1122, 4.2.2.13). lwIP answers such a SYN with a reset or lets it hang,
 * so here, before TCP sees the segment, the old connection is forgotten. A SYN that is an old
 * duplicate costs no more than a half-open connection, which the peer resets.
 *
 * Called by lwIP for every IP packet, with the stack's lock held. The headers lie in one piece
 * (receive.c copies them); what is too short or odd is left to lwIP.
 */
#include "arch/hooks.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"

static void forget(const struct tcp_hdr *header, const ip_addr_t *remote, const ip_addr_t *local)
{
    u16_t remote_port = lwip_ntohs(header->src), local_port = lwip_ntohs(header->dest);

    if ((TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
        return;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
        if (pcb->remote_port == remote_port && pcb->local_port == local_port &&
            ip_addr_eq(&pcb->remote_ip, remote) && ip_addr_eq(&pcb->local_ip, local)) {
            tcp_abort(pcb); /* sends nothing in TIME-WAIT */
            return;
        }
}

int net_ip4_input(const struct pbuf *packet)
{
    const struct ip_hdr *ip = packet->payload;
    ip_addr_t remote, local;

    if (!tcp_tw_pcbs || packet->len < IP_HLEN || IPH_V(ip) != 4 || IPH_PROTO(ip) != IP_PROTO_TCP ||
        (IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF)) ||
        packet->len < IPH_HL_BYTES(ip) + TCP_HLEN)
        return 0;
    ip_addr_copy_from_ip4(remote, ip->src);
    ip_addr_copy_from_ip4(local, ip->dest);
    forget((const struct tcp_hdr *)((const u8_t *)ip + IPH_HL_BYTES(ip)), &remote, &local);
    return 0;
}

int net_ip6_input(const struct pbuf *packet, const struct netif *interface)
{
    const struct ip6_hdr *ip = packet->payload;
    ip_addr_t remote, local;

    if (!tcp_tw_pcbs || packet->len < IP6_HLEN + TCP_HLEN || IP6H_V(ip) != 6 ||
        IP6H_NEXTH(ip) != IP6_NEXTH_TCP)
        return 0;
    ip_addr_copy_from_ip6_packed(remote, ip->src);
    ip_addr_copy_from_ip6_packed(local, ip->dest);
    ip6_addr_assign_zone(ip_2_ip6(&remote), IP6_UNICAST, interface);
    ip6_addr_assign_zone(ip_2_ip6(&local), IP6_UNICAST, interface);
    forget((const struct tcp_hdr *)((const u8_t *)ip + IP6_HLEN), &remote, &local);
    return 0;
}
