/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be asked of and set on a TCP socket's pcb: names, options at level IPPROTO_TCP. Under
 * the stack's lock. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "lwip/tcp.h"
#include "socket.h"

#define INITIAL_SEGMENTS 10u /* RFC 6928, 2 */

void stream_window_begin(struct socket *socket)
{
    struct tcp_pcb *pcb = socket->pcb.tcp;
    tcpwnd_size_t initial = (tcpwnd_size_t)(INITIAL_SEGMENTS * tcp_mss(pcb));
    if (!socket->has_sent && pcb->cwnd < initial)
        pcb->cwnd = initial;
    socket->has_sent = true;
}

int stream_local(struct socket *socket, struct endpoint *local)
{
    const struct tcp_pcb *pcb = socket->pcb.tcp;
    if (pcb) { /* a listener's pcb begins alike */
        ip_addr_copy(local->ip, pcb->local_ip);
        local->port = pcb->local_port;
    }
    return 0;
}

int stream_remote(struct socket *socket, struct endpoint *remote)
{
    const struct tcp_pcb *pcb = socket->pcb.tcp;
    if (!socket->connected || !pcb)
        return -ENOTCONN;
    ip_addr_copy(remote->ip, pcb->remote_ip);
    remote->port = pcb->remote_port;
    return 0;
}

int stream_option_set(struct socket *socket, int level, int option, int value)
{
    struct tcp_pcb *pcb = socket->pcb.tcp;
    if (level != IPPROTO_TCP)
        return -ENOPROTOOPT;
    if (option == TCP_NODELAY)
        socket->no_delay = value;
    if (!pcb || socket->listener)
        return option == TCP_NODELAY ? 0 : -EINVAL;
    if (option != TCP_NODELAY && (value < 1 || value > 32767))
        return -EINVAL;
    switch (option) {
    case TCP_NODELAY:
        if (value)
            tcp_nagle_disable(pcb);
        else
            tcp_nagle_enable(pcb);
        return 0;
    case TCP_KEEPIDLE:
        pcb->keep_idle = (u32_t)value * 1000;
        return 0;
    case TCP_KEEPINTVL:
        pcb->keep_intvl = (u32_t)value * 1000;
        return 0;
    case TCP_KEEPCNT:
        pcb->keep_cnt = (u32_t)value;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int stream_option_get(struct socket *socket, int level, int option, int *value)
{
    const struct tcp_pcb *pcb = socket->pcb.tcp;
    if (level != IPPROTO_TCP)
        return -ENOPROTOOPT;
    if (!pcb || socket->listener)
        return -EINVAL;
    switch (option) {
    case TCP_NODELAY:
        *value = tcp_nagle_disabled(pcb) != 0;
        return 0;
    case TCP_MAXSEG:
        *value = tcp_mss(pcb);
        return 0;
    case TCP_KEEPIDLE:
        *value = (int)(pcb->keep_idle / 1000);
        return 0;
    case TCP_KEEPINTVL:
        *value = (int)(pcb->keep_intvl / 1000);
        return 0;
    case TCP_KEEPCNT:
        *value = (int)pcb->keep_cnt;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}
