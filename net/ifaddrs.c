/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces and their addresses, for the program (<net/if.h>, <ifaddrs.h>). */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "stack.h"

_Static_assert(INTERFACE_NAME_BYTES <= IF_NAMESIZE, "names fit the program's buffers");

/* ---- names and indexes -------------------------------------------------------------------- */

unsigned if_nametoindex(const char *name)
{
    unsigned index = 0;
    const struct netif *netif;
    net_lock();
    NETIF_FOREACH(netif) {
        char candidate[INTERFACE_NAME_BYTES];
        interface_name(netif, candidate);
        if (strcmp(candidate, name) == 0)
            index = netif_get_index(netif);
    }
    net_unlock();
    return index;
}

char *if_indextoname(unsigned index, char *name)
{
    net_lock();
    const struct netif *netif = index < 256 ? netif_get_by_index((u8_t)index) : NULL;
    if (netif)
        interface_name(netif, name);
    net_unlock();
    if (!netif)
        errno = ENXIO;
    return netif ? name : NULL;
}

struct if_nameindex *if_nameindex(void)
{
    const struct netif *netif;
    unsigned count = 0, i = 0;
    net_lock();
    NETIF_FOREACH(netif)
        count++;
    /* The names lie behind the array. */
    struct if_nameindex *array = calloc(1, (count + 1) * sizeof *array + count * IF_NAMESIZE);
    if (array) {
        char *names = (char *)(array + count + 1);
        NETIF_FOREACH(netif) {
            array[i] = (struct if_nameindex){netif_get_index(netif), names + i * IF_NAMESIZE};
            interface_name(netif, array[i].if_name);
            i++;
        }
    }
    net_unlock();
    if (!array)
        errno = ENOMEM;
    return array;
}

void if_freenameindex(struct if_nameindex *array)
{
    free(array);
}

/* ---- addresses ---------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct entry {
    struct ifaddrs ifa;
    char name[INTERFACE_NAME_BYTES];
    union address address, mask, broadcast;
};

static unsigned interface_flags(const struct netif *netif)
{
    unsigned flags = 0;
    if (netif_is_up(netif))
        flags |= IFF_UP;
    if (netif_is_link_up(netif))
        flags |= IFF_RUNNING;
    if (!netif->state)
        flags |= IFF_LOOPBACK;
    if (netif->flags & NETIF_FLAG_BROADCAST)
        flags |= IFF_BROADCAST;
    if (netif->flags & NETIF_FLAG_IGMP)
        flags |= IFF_MULTICAST;
    return flags;
}

static struct entry *entry_new(const struct netif *netif, struct ifaddrs ***end)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    interface_name(netif, entry->name);
    entry->ifa.ifa_name = entry->name;
    entry->ifa.ifa_flags = interface_flags(netif);
    entry->ifa.ifa_addr = &entry->address.any;
    entry->ifa.ifa_netmask = &entry->mask.any;
    **end = &entry->ifa;
    *end = &entry->ifa.ifa_next;
    return entry;
}

static int add4(const struct netif *netif, struct ifaddrs ***end)
{
    in_addr_t ip = netif_ip4_addr(netif)->addr, mask = netif_ip4_netmask(netif)->addr;
    if (!ip)
        return 0;
    struct entry *entry = entry_new(netif, end);
    if (!entry)
        return -ENOMEM;
    entry->address.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {ip}};
    entry->mask.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {mask}};
    if (netif->flags & NETIF_FLAG_BROADCAST) {
        entry->broadcast.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {ip | ~mask}};
        entry->ifa.ifa_broadaddr = &entry->broadcast.any;
    }
    return 0;
}

static int add6(const struct netif *netif, int i, struct ifaddrs ***end)
{
    if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
        return 0;
    struct entry *entry = entry_new(netif, end);
    if (!entry)
        return -ENOMEM;
    const ip6_addr_t *ip = netif_ip6_addr(netif, i);
    entry->address.in6.sin6_family = entry->mask.in6.sin6_family = AF_INET6;
    memcpy(&entry->address.in6.sin6_addr, ip->addr, 16);
    entry->address.in6.sin6_scope_id = ip6_addr_zone(ip);
    memset(&entry->mask.in6.sin6_addr, 0xff, netif->state ? 8 : 16);
    return 0;
}

int getifaddrs(struct ifaddrs **list)
{
    struct ifaddrs **end = list;
    const struct netif *netif;
    int result = 0;

    *list = NULL;
    net_lock();
    NETIF_FOREACH(netif) {
        if (result == 0)
            result = add4(netif, &end);
        for (int i = 0; result == 0 && i < LWIP_IPV6_NUM_ADDRESSES; i++)
            result = add6(netif, i, &end);
    }
    net_unlock();
    if (result < 0) {
        freeifaddrs(*list);
        *list = NULL;
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

void freeifaddrs(struct ifaddrs *list)
{
    while (list) {
        struct ifaddrs *next = list->ifa_next;
        free(list);
        list = next;
    }
}
