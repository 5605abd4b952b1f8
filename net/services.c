/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services and protocols by name (<netdb.h>): there is no /etc/services, so a handful of well-known
 * ones is built in. Needs nothing of the network.
 */
#include "services.h"

#include <stdlib.h>
#include <string.h>

#define ANY 3 /* both TCP and UDP */
#define TCP_ONLY 1

static const struct service {
    const char *name;
    uint16_t port;
    uint16_t protocols;
} services[] = {
    {"ftp", 21, TCP_ONLY},
    {"ssh", 22, TCP_ONLY},
    {"telnet", 23, TCP_ONLY},
    {"smtp", 25, TCP_ONLY},
    {"domain", 53, ANY},
    {"http", 80, TCP_ONLY},
    {"pop3", 110, TCP_ONLY},
    {"ntp", 123, ANY},
    {"imap", 143, TCP_ONLY},
    {"https", 443, ANY},
    {"syslog", 514, ANY},
    {"mqtt", 1883, TCP_ONLY},
    {"redis", 6379, TCP_ONLY},
    {"http-alt", 8080, TCP_ONLY},
    {"secure-mqtt", 8883, TCP_ONLY},
};
#define SERVICES (sizeof services / sizeof services[0])

static unsigned protocol_bit(const char *protocol)
{
    if (!protocol)
        return ANY;
    if (strcmp(protocol, "tcp") == 0)
        return 1;
    return strcmp(protocol, "udp") == 0 ? 2 : 0;
}

int service_port(const char *name)
{
    char *end;
    if (*name >= '0' && *name <= '9') {
        unsigned long port = strtoul(name, &end, 10);
        return *end == '\0' && port <= UINT16_MAX ? (int)port : -1;
    }
    for (size_t i = 0; i < SERVICES; i++)
        if (strcmp(services[i].name, name) == 0)
            return services[i].port;
    return -1;
}

const char *service_name(int port)
{
    for (size_t i = 0; i < SERVICES; i++)
        if (services[i].port == port)
            return services[i].name;
    return NULL;
}

static struct servent *entry(const struct service *service, const char *protocol)
{
    static __thread char name[16], protocol_name[4];
    static __thread char *none[1];
    static __thread struct servent result;
    strcpy(name, service->name);
    strcpy(protocol_name, protocol ? protocol : "tcp");
    result = (struct servent){name, none, htons(service->port), protocol_name};
    return &result;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
    for (size_t i = 0; i < SERVICES; i++)
        if (strcmp(services[i].name, name) == 0 && services[i].protocols & protocol_bit(protocol))
            return entry(&services[i], protocol);
    return NULL;
}

struct servent *getservbyport(int port, const char *protocol)
{
    for (size_t i = 0; i < SERVICES; i++)
        if (htons(services[i].port) == port && services[i].protocols & protocol_bit(protocol))
            return entry(&services[i], protocol);
    return NULL;
}

struct protoent *getprotobyname(const char *name)
{
    static const struct {
        char name[12];
        int number;
    } protocols[] = {{"ip", IPPROTO_IP},   {"icmp", IPPROTO_ICMP}, {"tcp", IPPROTO_TCP},
                     {"udp", IPPROTO_UDP}, {"ipv6", IPPROTO_IPV6}, {"ipv6-icmp", IPPROTO_ICMPV6}};
    static __thread char text[12];
    static __thread char *none[1];
    static __thread struct protoent result;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(protocols[i].name, name) == 0) {
            strcpy(text, name);
            result = (struct protoent){text, none, protocols[i].number};
            return &result;
        }
    }
    return NULL;
}
