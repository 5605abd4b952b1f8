/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwIP's timers, in place of its own core/timeouts.c, so that an idle guest sleeps. Each of its
 * protocols wants a function called every so often. Here a tick that nothing waits for is owed
 * instead of run: whoever takes the stack's lock next makes up for all that were owed, before lwIP
 * sees anything, so no state is ever looked at out of date. Only ticks that can act by themselves
 * (a retransmission, an unanswered ARP request, a lease) are told to the kernel's timer.
 * Called with the stack's lock held.
 */
#include "lwip/timeouts.h"

#include "crowd.h"
#include "kernel/clock.h"
#include "kernel/thread.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/dhcp.h"
#include "lwip/sys.h"
#include "stack.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define LATER(seconds) (net_now_ns + (seconds)*SECOND)
#define TIME_WAIT_MOST 2048
#define WATCH_INTERVAL_MS 1000
#define CROWD_INTERVAL_MS 200

uint64_t net_now_ns;

static uint64_t reassembly_until, arp_until;
static int dns_queries;
static bool touched, tcp_touched;

/* TCP's tick runs while any connection is restless; tcp_due_ns is the next keep-alive otherwise. */
static bool tcp_restless;
static uint64_t tcp_due_ns = NO_DEADLINE;

static bool reassembly_needed(void)
{
    return net_now_ns < reassembly_until;
}

static bool arp_needed(void)
{
    return net_now_ns < arp_until;
}

static bool dns_needed(void)
{
    return dns_queries > 0;
}

static bool dhcp_coarse_needed(void)
{
    const struct netif *netif;
    NETIF_FOREACH(netif)
        if (netif_dhcp_data(netif))
            return true;
    return false;
}

static bool dhcp_fine_needed(void)
{
    const struct netif *netif;
    NETIF_FOREACH(netif) {
        const struct dhcp *dhcp = netif_dhcp_data(netif);
        if (dhcp && dhcp->request_timeout > 0)
            return true;
    }
    return false;
}

static bool igmp_needed(void)
{
    const struct netif *netif;
    NETIF_FOREACH(netif)
        for (const struct igmp_group *group = netif_igmp_data(netif); group; group = group->next)
            if (group->timer > 0)
                return true;
    return false;
}

static bool mld_needed(void)
{
    const struct netif *netif;
    NETIF_FOREACH(netif)
        for (const struct mld_group *group = netif_mld6_data(netif); group; group = group->next)
            if (group->timer > 0)
                return true;
    return false;
}

static bool nd_interface_needed(const struct netif *netif)
{
    if (!netif_is_up(netif) || !netif_is_link_up(netif))
        return false;
    if (netif->rs_count > 0)
        return true;
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_istentative(netif_ip6_addr_state(netif, i)))
            return true;
    return false;
}

static bool nd_needed(void)
{
    const struct netif *netif;
    NETIF_FOREACH(netif)
        if (nd_interface_needed(netif))
            return true;
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++)
        if (neighbor_cache[i].state == ND6_INCOMPLETE || neighbor_cache[i].state == ND6_DELAY ||
            neighbor_cache[i].state == ND6_PROBE)
            return true;
    return false;
}

/* `most`: how many owed ticks are worth making up; after that many all state has expired. */
static struct cyclic {
    void (*tick)(void);
    bool (*needed)(void);
    uint32_t interval_ms;
    uint32_t most;
    uint64_t due_ns; /* the next tick */
} cyclics[] = {
    {ip_reass_tmr, reassembly_needed, IP_TMR_INTERVAL, 16, 0},
    {ip6_reass_tmr, reassembly_needed, IP6_REASS_TMR_INTERVAL, 61, 0},
    {etharp_tmr, arp_needed, ARP_TMR_INTERVAL, ARP_MAXAGE + 2, 0},
    {dns_tmr, dns_needed, DNS_TMR_INTERVAL, 86400, 0},
    {nd6_tmr, nd_needed, ND6_TMR_INTERVAL, 86400, 0},
    {dhcp_coarse_tmr, dhcp_coarse_needed, DHCP_COARSE_TIMER_MSECS, 1, 0},
    {dhcp_fine_tmr, dhcp_fine_needed, DHCP_FINE_TIMER_MSECS, 1, 0},
    {igmp_tmr, igmp_needed, IGMP_TMR_INTERVAL, 1, 0},
    {mld6_tmr, mld_needed, MLD6_TMR_INTERVAL, 1, 0},
    {interfaces_watch, interfaces_to_watch, WATCH_INTERVAL_MS, 1, 0},
    {crowd_tick, crowd_waits, CROWD_INTERVAL_MS, 1, 0},
};
#define CYCLICS (sizeof cyclics / sizeof cyclics[0])

static uint64_t earliest_due_ns; /* of all ticks, needed or not */
static uint64_t tcp_tick_ns;     /* TCP's next tick, were it running */

static void cyclic_run(struct cyclic *cyclic)
{
    uint64_t interval = cyclic->interval_ms * MS;
    uint64_t owed = (net_now_ns - cyclic->due_ns) / interval + 1;
    cyclic->due_ns += owed * interval;
    for (uint64_t i = 0; i < owed && i < cyclic->most; i++)
        cyclic->tick();
}

/* Will this connection stay as it is until a packet comes or the program calls? */
static bool tcp_is_quiet(const struct tcp_pcb *pcb)
{
    if (pcb->unacked || pcb->unsent || pcb->ooseq || pcb->refused_data || pcb->persist_backoff)
        return false;
    if (pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND))
        return false;
    return pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT ||
           (pcb->state == FIN_WAIT_2 && !(pcb->flags & TF_RXCLOSED));
}

/* The tick at which a quiet connection sends its next keep-alive probe. */
static uint64_t tcp_keepalive_ns(const struct tcp_pcb *pcb)
{
    if (!ip_get_option(pcb, SOF_KEEPALIVE) || pcb->state == FIN_WAIT_2)
        return NO_DEADLINE;
    uint64_t silence_ms = pcb->keep_idle + (uint64_t)pcb->keep_cnt_sent * pcb->keep_intvl;
    uint64_t passed_ms = (uint64_t)(uint32_t)(tcp_ticks - pcb->tmr) * TCP_SLOW_INTERVAL;
    uint64_t left_ms = silence_ms > passed_ms ? silence_ms - passed_ms : 0;
    return net_now_ns + (left_ms + TCP_SLOW_INTERVAL) * MS;
}

/* Connections in TIME-WAIT cost memory and are of little use beyond a number: the oldest go. */
static void tcp_trim_time_wait(void)
{
    unsigned count = 0;
    struct tcp_pcb *newest = tcp_tw_pcbs, *last_kept = newest; /* newest first */
    while (last_kept && ++count < TIME_WAIT_MOST)
        last_kept = last_kept->next;
    if (!last_kept)
        return;
    /* The first of a list is taken out without a search. */
    tcp_tw_pcbs = last_kept->next;
    last_kept->next = NULL;
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs); /* sends nothing in TIME-WAIT */
    tcp_tw_pcbs = newest;
}

static void tcp_tick(void)
{
    tcp_tmr();
    tcp_trim_time_wait();
    tcp_restless = false;
    tcp_due_ns = NO_DEADLINE;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        if (!tcp_is_quiet(pcb)) {
            tcp_restless = true;
            return;
        }
        uint64_t due_ns = tcp_keepalive_ns(pcb);
        if (due_ns < tcp_due_ns)
            tcp_due_ns = due_ns;
    }
}

/* Ticks owed while all was quiet: only the count of ticks has to be right. */
static void tcp_run(void)
{
    uint64_t interval = TCP_TMR_INTERVAL * MS;
    uint64_t owed = (net_now_ns - tcp_tick_ns) / interval + 1;
    tcp_tick_ns += owed * interval;
    if (owed > 2)
        tcp_ticks += (uint32_t)((owed - 1) / 2);
    if (tcp_active_pcbs || tcp_tw_pcbs)
        tcp_tick();
}

void timers_run(void)
{
    if (net_now_ns < earliest_due_ns)
        return;
    earliest_due_ns = NO_DEADLINE;
    if (net_now_ns >= tcp_tick_ns)
        tcp_run();
    for (struct cyclic *cyclic = cyclics; cyclic < cyclics + CYCLICS; cyclic++)
        if (net_now_ns >= cyclic->due_ns)
            cyclic_run(cyclic);
    earliest_due_ns = tcp_tick_ns;
    for (struct cyclic *cyclic = cyclics; cyclic < cyclics + CYCLICS; cyclic++)
        if (cyclic->due_ns < earliest_due_ns)
            earliest_due_ns = cyclic->due_ns;
    touched = true;
}

uint64_t timers_deadline(void)
{
    uint64_t deadline_ns = tcp_restless ? tcp_tick_ns : tcp_due_ns;
    for (struct cyclic *cyclic = cyclics; cyclic < cyclics + CYCLICS; cyclic++)
        if (cyclic->due_ns < deadline_ns && cyclic->needed())
            deadline_ns = cyclic->due_ns;
    touched = tcp_touched = false;
    return deadline_ns;
}

uint64_t timers_new_deadline(void)
{
    if (touched)
        return timers_deadline();
    bool by_tcp = tcp_touched && tcp_restless;
    tcp_touched = false;
    return by_tcp ? tcp_tick_ns : NO_DEADLINE;
}

void timers_touch(void)
{
    touched = true;
    timers_touch_tcp();
}

void timers_touch_tcp(void)
{
    tcp_touched = true;
    tcp_restless = tcp_active_pcbs != NULL;
}

void timers_touch_reassembly(void)
{
    reassembly_until = LATER(IPV6_REASS_MAXAGE + 2);
}

void timers_touch_arp(void)
{
    arp_until = LATER(8);
}

void timers_dns_queries(int change)
{
    dns_queries += change;
    touched = true;
}

/* ---- what lwIP calls ---------------------------------------------------------------------- */

/* lwIP registered a connection. */
void tcp_timer_needed(void)
{
    timers_touch();
}

void sys_timeouts_init(void)
{
    uint64_t now_ns = clock_now_ns();
    net_now_ns = now_ns;
    tcp_tick_ns = now_ns + TCP_TMR_INTERVAL * MS;
    for (struct cyclic *cyclic = cyclics; cyclic < cyclics + CYCLICS; cyclic++)
        cyclic->due_ns = now_ns + cyclic->interval_ms * MS;
    earliest_due_ns = now_ns;
}

u32_t sys_now(void)
{
    return (u32_t)(net_now_ns / MS);
}
