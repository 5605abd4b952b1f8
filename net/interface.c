/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces: attaches every network device, gives it the addresses that the host named (or
 * asks DHCP for them in the background) and watches over it. Called by stack.c, under its lock.
 */
#include "interface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/device.h"
#include "kernel/errand.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/snmp.h"
#include "netif/ethernet.h"
#include "stack.h"

#define MTU_MOST 1500u /* what a receive buffer of half a page holds with room to spare */
#define BATCH 64u      /* frames taken before the doorbells are rung */

struct net_counters net_counters;
static struct interface *interfaces;
static bool config_changed; /* of one of them; set with upcalls masked */

void interface_name(const struct netif *netif, char name[INTERFACE_NAME_BYTES])
{
    const struct interface *interface = netif->state;
    if (interface)
        format_line(name, INTERFACE_NAME_BYTES, "net%u", interface->device->index);
    else
        memcpy(name, "lo", 3);
}

static void on_event(void *context)
{
    (void)context;
    errand_wanted();
}

static void on_config(void *context)
{
    (void)context;
    __atomic_store_n(&config_changed, true, __ATOMIC_RELAXED);
    errand_wanted();
}

/* The event that tells of a change of the link: a device's, perhaps one that its queues use, too,
 * or the one that all devices share. */
static int config_event_handle(unsigned event)
{
    static struct event_listener listener = {.run = on_config};
    static bool listens;

    if (event != PV_EVENT_SYSTEM)
        return event_handle(event, on_config, NULL);
    if (!listens)
        event_listen_system(&listener);
    listens = true;
    return 0;
}

void name_servers_order(void)
{
    static ip_addr_t named; /* by the host or DHCP: IPv4 */
    ip_addr_t first = *dns_getserver(0);
    if (IP_IS_V4_VAL(first) && !ip_addr_isany_val(first)) {
        ip_addr_copy(named, first);
    } else if (!ip_addr_isany_val(named)) {
        dns_setserver(0, &named);
        if (!ip_addr_isany_val(first))
            dns_setserver(1, &first);
    }
}

/* One line for each new IPv4 address. */
static void on_status(struct netif *netif)
{
    struct interface *interface = netif->state;
    uint32_t ip = netif_ip4_addr(netif)->addr;
    name_servers_order(); /* DHCP may just have named one */
    if (ip == interface->logged_ip4)
        return;
    interface->logged_ip4 = ip;
    if (ip) {
        const unsigned char *part = (const unsigned char *)&ip;
        unsigned prefix = (unsigned)__builtin_popcount(netif_ip4_netmask(netif)->addr);
        log_line("net%u: %u.%u.%u.%u/%u", interface->device->index, part[0], part[1], part[2],
                 part[3], prefix);
    }
}

static err_t interface_init(struct netif *netif)
{
    struct interface *interface = netif->state;
    const struct pv_net *net = interface->net;

    netif->name[0] = 'n';
    netif->name[1] = 'e';
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = transmit_output;
    netif->mtu = net->mtu && net->mtu < MTU_MOST ? net->mtu : MTU_MOST;
    netif->hwaddr_len = sizeof net->mac;
    memcpy(netif->hwaddr, net->mac, sizeof net->mac);
    if (memcmp(net->mac, ethzero.addr, sizeof net->mac) == 0) {
        random_bytes(netif->hwaddr, sizeof net->mac);
        netif->hwaddr[0] = (u8_t)((netif->hwaddr[0] & ~1u) | 2u); /* unicast, made up locally */
    }
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    /* Checking TCP and UDP is switched on for a frame that needs it (receive.c). */
    unsigned checks = NETIF_CHECKSUM_ENABLE_ALL &
                      ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
    if (net->tx_csum)
        checks &= ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP);
    NETIF_SET_CHECKSUM_CTRL(netif, (u16_t)checks);
    MIB2_INIT_NETIF(netif, snmp_ifType_ethernet_csmacd, 0);
    return ERR_OK;
}

/* lwIP's netif with the addresses of the boot record; without them DHCP is started. */
static int interface_configure(struct interface *interface)
{
    const struct pv_net_address *given = &interface->device->net;
    struct netif *netif = &interface->netif;
    ip4_addr_t ip = {0}, mask = {0}, gateway = {0};

    if (given->prefix4) {
        memcpy(&ip.addr, given->ip4, 4);
        memcpy(&gateway.addr, given->gateway4, 4);
        mask.addr = given->prefix4 < 32 ? lwip_htonl(~(UINT32_MAX >> given->prefix4)) : UINT32_MAX;
    }
    if (!netif_add(netif, &ip, &mask, &gateway, interface, interface_init, ethernet_input))
        return -EIO;
    netif_set_status_callback(netif, on_status);
    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    if (!netif_default)
        netif_set_default(netif);
    netif_set_up(netif);
    if (interface->net->link_up)
        netif_set_link_up(netif);
    else
        log_line("net%u: link down", interface->device->index);
    if (!given->prefix4)
        return dhcp_start(netif) == ERR_OK ? 0 : -ENOMEM;
    ip_addr_t server = {0};
    memcpy(&ip_2_ip4(&server)->addr, given->dns4, 4);
    IP_SET_TYPE_VAL(server, IPADDR_TYPE_V4);
    if (!ip_addr_isany(&server))
        dns_setserver(0, &server);
    name_servers_order();
    return 0;
}

static int interface_attach(struct interface *interface)
{
    const struct pv_device *device = interface->device;
    void *memory = device_memory(interface->ops->memory_bytes(device));
    if (!memory)
        return -ENOMEM;
    int result = interface->ops->attach(device, memory, &interface->net);
    if (result < 0)
        return result;
    result = event_handle(interface->net->rx_event, on_event, NULL);
    if (result == 0)
        result = event_handle(interface->net->tx_event, on_event, NULL);
    if (result == 0)
        result = config_event_handle(interface->net->config_event);
    if (result == 0)
        result = receive_start(interface);
    return result;
}

static void interface_start(const struct pv_device *device)
{
    struct interface *interface = calloc(1, sizeof *interface);
    int result = -ENOMEM;
    if (!interface)
        goto out;
    interface->device = device;
    interface->ops = pv_net_frontends[device->family];
    result = interface->ops ? interface_attach(interface) : -ENODEV;
    if (result < 0)
        goto out;
    result = interface_configure(interface);
    if (result < 0)
        goto out;
    interface->next = interfaces;
    interfaces = interface;
out:
    /* Once attached, the device may write into its memory: the struct stays. */
    if (result < 0)
        log_line("net%u: cannot be used (error %d)", device->index, -result);
}

/* lwIP makes the loopback interface like any other. */
static void loopback_configure(struct netif *netif)
{
    netif->mtu = netif->mtu6 = UINT16_MAX;
    netif->rs_count = 0;
    netif_set_ip6_autoconfig_enabled(netif, 0);
}

void interfaces_start(void)
{
    loopback_configure(netif_list);
    for (unsigned i = 0; i < device_count(PV_NET); i++)
        interface_start(device_find(PV_NET, i));
}

void interface_fail(struct interface *interface)
{
    interface->failed = true;
}

static void interface_take_down(struct interface *interface)
{
    interface->reported = true;
    const char *fault = interface->net->fault;
    device_out_of_service("net", interface->device->index, fault ? fault : "no reason given");
    dhcp_release_and_stop(&interface->netif);
    netif_set_link_down(&interface->netif);
    netif_set_down(&interface->netif);
}

/* A link that comes up may be another one than before: lwIP announces the addresses there, and asks
 * DHCP again where they came from it. */
static void interface_check_link(struct interface *interface)
{
    struct netif *netif = &interface->netif;

    interface->ops->refresh(interface->net);
    bool up = interface->net->link_up;
    if (up == (netif_is_link_up(netif) != 0))
        return;
    log_line("net%u: link %s", interface->device->index, up ? "up" : "down");
    if (up)
        netif_set_link_up(netif);
    else
        netif_set_link_down(netif);
    timers_touch();
}

bool interfaces_to_watch(void)
{
    for (const struct interface *interface = interfaces; interface; interface = interface->next)
        if ((interface->outstanding || interface->refilled) && !interface->failed)
            return true;
    return false;
}

void interfaces_watch(void)
{
    for (struct interface *interface = interfaces; interface; interface = interface->next) {
        if (interface->failed)
            continue;
        transmit_poll(interface);
        bool stuck = interface->outstanding && interface->reaped == interface->reaped_before;
        if (stuck || interface->refilled) {
            interface->ops->refresh(interface->net);
            if (interface->net->fault)
                interface_fail(interface);
        }
        interface->reaped_before = interface->reaped;
        interface->refilled = false;
    }
}

bool interfaces_poll(void)
{
    bool more = false, changed = __atomic_exchange_n(&config_changed, false, __ATOMIC_RELAXED);
    for (struct interface *interface = interfaces; interface; interface = interface->next) {
        if (interface->failed)
            continue;
        if (changed)
            interface_check_link(interface);
        transmit_poll(interface);
        if (receive_poll(interface, BATCH))
            more = true;
    }
    return more;
}

void interfaces_flush(void)
{
    for (struct interface *interface = interfaces; interface; interface = interface->next) {
        if (interface->failed && !interface->reported)
            interface_take_down(interface);
        if (interface->burst.count)
            transmit_flush(interface);
        if (interface->failed)
            continue;
        if (interface->receive_kick) {
            interface->ops->rx_kick(interface->net);
            interface->refilled = true;
        }
        if (interface->transmit_kick)
            interface->ops->tx_kick(interface->net);
        interface->receive_kick = interface->transmit_kick = false;
    }
}

bool interfaces_ask(void)
{
    bool ready = false;
    for (struct interface *interface = interfaces; interface; interface = interface->next) {
        if (interface->failed)
            continue;
        if (interface->ops->rx_ask(interface->net))
            ready = true;
        if (interface->queue_count && interface->ops->tx_ask(interface->net))
            ready = true;
    }
    return ready;
}
