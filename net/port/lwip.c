/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of lwIP through which every TCP segment goes, compiled as one, so that what one of them calls
 * in another is a part of the caller where that is short. They are built by themselves nowhere else (mk/guest.mk
 * takes their names from here). Files that do not need the stack (addresses, names) are not among them: a
 * program may use those alone.
 *
 * lwIP looks for a segment's connection in two lists, from the front: with a thousand connections, or after
 * some thousand short ones in TIME-WAIT, that is most of what a segment costs. Here a table tells the connection,
 * and lwIP's search (core/tcp_in.c) sees lists that begin with it, or are empty. In the table is what is in
 * one of the two lists.
 */
#include "kernel/random.h"
#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "stack.h"

#define TABLE_BITS 10u

static struct tcp_pcb *table[1u << TABLE_BITS];
/* Nobody else's: a place follows from the sum of what names a connection, each word times a key of its
 * own, so that no choice of addresses and ports fills one place on purpose (multilinear hashing). */
static uint64_t table_keys[6];

void port_table_start(void)
{
    random_bytes(table_keys, sizeof(table_keys));
}

static struct tcp_pcb **place_of(const ip_addr_t *remote, u16_t remote_port, u16_t local_port)
{
    uint64_t sum = table_keys[0] + table_keys[1] * ((uint32_t)remote_port << 16 | local_port);
    const u32_t *words = IP_IS_V6(remote) ? ip_2_ip6(remote)->addr : &ip_2_ip4(remote)->addr;
    unsigned count = IP_IS_V6(remote) ? 4 : 1;

    for (unsigned i = 0; i < count; i++)
        sum += table_keys[2 + i] * words[i];
    return &table[sum >> (64 - TABLE_BITS)];
}

/* The next one at the same place. */
static struct tcp_pcb **next_of(struct tcp_pcb *pcb)
{
    return (struct tcp_pcb **)&pcb->ext_args[1].data;
}

static void table_add(struct tcp_pcb *pcb)
{
    struct tcp_pcb **place = place_of(&pcb->remote_ip, pcb->remote_port, pcb->local_port);

    *next_of(pcb) = *place;
    *place = pcb;
}

/* What is not there stays where it is. */
static void table_remove(struct tcp_pcb *pcb)
{
    struct tcp_pcb **place = place_of(&pcb->remote_ip, pcb->remote_port, pcb->local_port);

    while (*place != NULL && *place != pcb)
        place = next_of(*place);
    if (*place != NULL)
        *place = *next_of(pcb);
}

/* Of the segment that IP handles. */
static struct tcp_pcb *table_find(const struct tcp_hdr *header)
{
    u16_t remote_port = lwip_ntohs(header->src), local_port = lwip_ntohs(header->dest);
    struct tcp_pcb *pcb = *place_of(ip_current_src_addr(), remote_port, local_port);

    while (pcb != NULL && (pcb->remote_port != remote_port || pcb->local_port != local_port ||
                           !ip_addr_eq(&pcb->remote_ip, ip_current_src_addr()) ||
                           !ip_addr_eq(&pcb->local_ip, ip_current_dest_addr()) ||
                           (pcb->netif_idx != NETIF_NO_INDEX &&
                            pcb->netif_idx != netif_get_index(ip_current_input_netif()))))
        pcb = *next_of(pcb);
    return pcb;
}

/* The lists that the search sees. */
static struct tcp_pcb *found_active, *found_waiting;

/*
 * A client may use its port again while we still hold the connection before in TIME-WAIT: its SYN then opens a
 * new one (RFC 1122, 4.2.2.13). lwIP answers such a SYN with a reset or lets it hang, so the old connection is
 * forgotten before. A SYN that is an old duplicate costs no more than a half-open connection, which the
 * peer resets.
 */
static void find(const struct tcp_hdr *header)
{
    struct tcp_pcb *pcb = table_find(header);
    bool waits = pcb != NULL && pcb->state == TIME_WAIT;

    if (waits && (TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
        tcp_abort(pcb); /* sends nothing in TIME-WAIT */
        pcb = NULL;
    }
    found_active = waits ? NULL : pcb;
    found_waiting = waits ? pcb : NULL;
}

static void search_and_input(struct pbuf *segment, struct netif *interface);

void tcp_input(struct pbuf *segment, struct netif *interface)
{
    found_active = found_waiting = NULL;
    if (segment->len >= TCP_HLEN) /* else lwIP drops it */
        find(segment->payload);
    search_and_input(segment, interface);
}

static bool is_searched(struct tcp_pcb **list)
{
    return list == &tcp_active_pcbs || list == &tcp_tw_pcbs;
}

static void list_add(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    pcb->next = *list;
    *list = pcb;
    if (is_searched(list))
        table_add(pcb);
    tcp_timer_needed();
}

static void list_take(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    if (is_searched(list))
        table_remove(pcb);
    while (*list != NULL && *list != pcb)
        list = &(*list)->next;
    if (*list != NULL)
        *list = pcb->next;
    pcb->next = NULL;
}

/* TCP's slow timer takes connections out of the lists itself before it frees them. */
static void pool_free(memp_t type, void *memory)
{
    if (type == MEMP_TCP_PCB)
        table_remove(memory);
    memp_free(type, memory);
}

#include "core/inet_chksum.c"
#include "core/ip.c"
#include "core/ipv4/etharp.c"
#include "core/ipv4/ip4.c"
#include "core/mem.c"
#include "core/memp.c"
#include "core/netif.c"
#include "core/pbuf.c"
#include "core/raw.c"
#undef TCP_REG
#undef TCP_RMV
#define TCP_REG(list, pcb) list_add(list, (struct tcp_pcb *)(pcb))
#define TCP_RMV(list, pcb) list_take(list, pcb)
#define memp_free pool_free
#include "core/tcp.c"
#include "core/tcp_out.c"
#include "netif/ethernet.c"

/* Here the lists' names mean what the search sees. What is put into a list or taken out of one is in the real
 * ones: into TIME-WAIT what is in that state, else into those that are active, and out of these only. */
static inline void list_add_by_state(struct tcp_pcb *pcb)
{
    list_add(pcb->state == TIME_WAIT ? &tcp_tw_pcbs : &tcp_active_pcbs, pcb);
}

static inline void active_take(struct tcp_pcb *pcb)
{
    list_take(&tcp_active_pcbs, pcb);
}

static inline void active_remove(struct tcp_pcb *pcb)
{
    tcp_pcb_remove(&tcp_active_pcbs, pcb);
}

#undef TCP_REG
#undef TCP_RMV
#define TCP_REG(list, pcb) list_add_by_state(pcb)
#define TCP_RMV(list, pcb) active_take(pcb)
#define tcp_pcb_remove(list, pcb) active_remove(pcb)
#define tcp_active_pcbs found_active
#define tcp_tw_pcbs found_waiting
#define tcp_input search_and_input
#include "core/tcp_in.c"
