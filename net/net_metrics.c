/* SPDX-License-Identifier: BSD-2-Clause */
/* The network's counters for monitoring: frames and bytes by us, TCP's by lwIP. */
#include "arch/hooks.h"
#include "interface.h"
#include "kernel/metrics.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "stack.h"

#define LWIP_COUNTER(function, field) \
    static uint64_t function(void)    \
    {                                 \
        return lwip_stats.mib2.field; \
    }
LWIP_COUNTER(active_opens, tcpactiveopens)
LWIP_COUNTER(passive_opens, tcppassiveopens)
LWIP_COUNTER(attempt_fails, tcpattemptfails)
LWIP_COUNTER(segments_in, tcpinsegs)
LWIP_COUNTER(segments_out, tcpoutsegs)
LWIP_COUNTER(input_errors, tcpinerrs)
LWIP_COUNTER(resets_out, tcpoutrsts)
LWIP_COUNTER(udp_in, udpindatagrams)
LWIP_COUNTER(udp_out, udpoutdatagrams)

/* lwIP's own counter knows fast retransmissions only. */
static uint64_t retransmit_count;

u32_t *net_tcp_segment_out(const struct tcp_hdr *header, const struct tcp_pcb *pcb, u32_t *options)
{
    if (pcb && TCP_SEQ_LT(lwip_ntohl(header->seqno), pcb->snd_nxt))
        retransmit_count++;
    return options;
}

static uint64_t retransmits(void)
{
    return retransmit_count;
}

static uint64_t pcbs_count(const struct tcp_pcb *pcb)
{
    uint64_t count = 0;
    for (; pcb; pcb = pcb->next)
        count++;
    return count;
}

static uint64_t connections(void)
{
    net_lock();
    uint64_t count = pcbs_count(tcp_active_pcbs);
    net_unlock();
    return count;
}

static uint64_t time_waits(void)
{
    net_lock();
    uint64_t count = pcbs_count(tcp_tw_pcbs);
    net_unlock();
    return count;
}

static uint64_t memory_bytes(void)
{
    return memory_in_use();
}

#define COUNTER(metric, text, variable)                                      \
    {                                                                        \
        .name = "coracle_net_" metric, .help = text, .kind = METRIC_COUNTER, \
        .value = &net_counters.variable                                      \
    }
#define LWIP(metric, text, function)                                                      \
    {                                                                                     \
        .name = "coracle_" metric, .help = text, .kind = METRIC_COUNTER, .read = function \
    }
#define GAUGE(metric, text, function)                                                   \
    {                                                                                   \
        .name = "coracle_" metric, .help = text, .kind = METRIC_GAUGE, .read = function \
    }

static const struct metric rows[] = {
    COUNTER("rx_packets", "Frames received", rx_packets),
    COUNTER("rx_bytes", "Bytes received, Ethernet headers included", rx_bytes),
    COUNTER("rx_dropped", "Received frames dropped for lack of memory or as malformed", rx_dropped),
    COUNTER("rx_copied", "Received frames copied out of their buffer", rx_copied),
    COUNTER("rx_large", "Frames received that were put together of several segments", rx_large),
    COUNTER("tx_packets", "Frames sent", tx_packets),
    COUNTER("tx_bytes", "Bytes sent, Ethernet headers included", tx_bytes),
    COUNTER("tx_dropped", "Frames to send that were dropped", tx_dropped),
    COUNTER("tx_large", "Frames sent for the device to cut into segments", tx_large),
    LWIP("tcp_active_opens", "Connections begun here", active_opens),
    LWIP("tcp_passive_opens", "Connections begun by peers", passive_opens),
    LWIP("tcp_attempt_fails", "Connection attempts that failed", attempt_fails),
    LWIP("tcp_segments_in", "TCP segments received", segments_in),
    LWIP("tcp_segments_out", "TCP segments sent", segments_out),
    LWIP("tcp_retransmits", "TCP segments sent again", retransmits),
    LWIP("tcp_input_errors", "Malformed TCP segments received", input_errors),
    LWIP("tcp_resets_out", "TCP resets sent", resets_out),
    LWIP("udp_datagrams_in", "UDP datagrams received", udp_in),
    LWIP("udp_datagrams_out", "UDP datagrams sent", udp_out),
    GAUGE("tcp_connections", "Connections that exist", connections),
    GAUGE("tcp_time_wait", "Connections in TIME-WAIT", time_waits),
    GAUGE("net_memory_bytes", "Heap in use by the network stack", memory_bytes),
};

void metrics_start(void)
{
    static struct metric_table table = {rows, sizeof rows / sizeof rows[0], NULL};
    metrics_register(&table);
}
