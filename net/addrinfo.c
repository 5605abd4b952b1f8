/* SPDX-License-Identifier: BSD-2-Clause */
/* getaddrinfo and its relatives (POSIX.1-2024, <netdb.h>). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolve.h"
#include "services.h"

#define KNOWN_FLAGS                                                                      \
    (AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | \
     AI_NUMERICSERV)

/* An entry of the list, in one block. */
struct entry {
    struct addrinfo info;
    union {
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
};

static const struct transport {
    int type, protocol;
} transports[] = {{SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, IPPROTO_UDP}, {SOCK_RAW, 0}};

static struct addrinfo *entry_new(const struct resolved_address *address,
                                  const struct transport *transport, int port)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->info = (struct addrinfo){.ai_family = address->family,
                                    .ai_socktype = transport->type,
                                    .ai_protocol = transport->protocol,
                                    .ai_addr = (struct sockaddr *)&entry->address};
    if (address->family == AF_INET) {
        struct sockaddr_in *in = &entry->address.in;
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        memcpy(&in->sin_addr, address->bytes, 4);
        entry->info.ai_addrlen = sizeof *in;
    } else {
        struct sockaddr_in6 *in6 = &entry->address.in6;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        memcpy(&in6->sin6_addr, address->bytes, 16);
        entry->info.ai_addrlen = sizeof *in6;
    }
    return &entry->info;
}

/* Without a node: the wildcard addresses to bind to, or the loopback ones to connect to. */
static void resolve_nothing(int family, bool passive, struct resolved *resolved)
{
    resolved->count = 0;
    if (family != AF_INET) {
        struct resolved_address *address = &resolved->addresses[resolved->count++];
        address->family = AF_INET6;
        memcpy(address->bytes, passive ? &in6addr_any : &in6addr_loopback, 16);
    }
    if (family != AF_INET6) {
        struct resolved_address *address = &resolved->addresses[resolved->count++];
        in_addr_t ip = htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);
        address->family = AF_INET;
        memcpy(address->bytes, &ip, 4);
    }
}

static int list_build(const struct resolved *resolved, const struct addrinfo *hints, int port,
                      struct addrinfo **list)
{
    struct addrinfo **end = list;
    for (unsigned i = 0; i < resolved->count; i++) {
        for (unsigned t = 0; t < sizeof transports / sizeof transports[0]; t++) {
            const struct transport *transport = &transports[t];
            if ((hints->ai_socktype && hints->ai_socktype != transport->type) ||
                (hints->ai_protocol && transport->protocol &&
                 hints->ai_protocol != transport->protocol))
                continue;
            *end = entry_new(&resolved->addresses[i], transport, port);
            if (!*end)
                return EAI_MEMORY;
            end = &(*end)->ai_next;
        }
    }
    return *list ? 0 : EAI_SOCKTYPE;
}

static int check_arguments(const char *node, const char *service, const struct addrinfo *hints,
                           int *port)
{
    if (!node && !service)
        return EAI_NONAME;
    if (hints->ai_flags & ~KNOWN_FLAGS || (hints->ai_flags & AI_CANONNAME && !node))
        return EAI_BADFLAGS;
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
        hints->ai_family != AF_INET6)
        return EAI_FAMILY;
    *port = service ? service_port(service) : 0;
    if (*port < 0 ||
        (service && hints->ai_flags & AI_NUMERICSERV && (*service < '0' || *service > '9')))
        return hints->ai_flags & AI_NUMERICSERV ? EAI_NONAME : EAI_SERVICE;
    return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    static const struct addrinfo no_hints;
    struct resolved resolved;
    int port;

    *list = NULL;
    if (!hints)
        hints = &no_hints;
    int result = check_arguments(node, service, hints, &port);
    if (result)
        return result;
    if (node)
        result = resolve(node, hints->ai_family, hints->ai_flags & AI_NUMERICHOST, &resolved);
    else
        resolve_nothing(hints->ai_family, hints->ai_flags & AI_PASSIVE, &resolved);
    if (result == 0)
        result = list_build(&resolved, hints, port, list);
    if (result == 0 && hints->ai_flags & AI_CANONNAME) {
        (*list)->ai_canonname = strdup(node);
        if (!(*list)->ai_canonname)
            result = EAI_MEMORY;
    }
    if (result) {
        freeaddrinfo(*list);
        *list = NULL;
    }
    return result;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_canonname);
        free(list);
        list = next;
    }
}

const char *gai_strerror(int code)
{
    switch (code) {
    case 0:
        return "Success";
    case EAI_BADFLAGS:
        return "Bad flags";
    case EAI_NONAME:
        return "Name or service not known";
    case EAI_AGAIN:
        return "Temporary failure in name resolution";
    case EAI_FAIL:
        return "Name resolution failed";
    case EAI_FAMILY:
        return "Address family not supported";
    case EAI_SOCKTYPE:
        return "Socket type not supported";
    case EAI_SERVICE:
        return "Service not supported for socket type";
    case EAI_MEMORY:
        return "Out of memory";
    case EAI_SYSTEM:
        return "System error";
    case EAI_OVERFLOW:
        return "Result too large for the buffer";
    default:
        return "Unknown error";
    }
}

/* ---- the other way round ------------------------------------------------------------------ */

static int host_text(int family, const void *bytes, char *host, socklen_t host_bytes, int flags)
{
    const struct in_addr local4 = {htonl(INADDR_LOOPBACK)};
    bool is_local = family == AF_INET ? memcmp(bytes, &local4, 4) == 0
                                      : memcmp(bytes, &in6addr_loopback, 16) == 0;
    if (is_local && !(flags & NI_NUMERICHOST)) {
        if (host_bytes < sizeof "localhost")
            return EAI_OVERFLOW;
        strcpy(host, "localhost");
        return 0;
    }
    if (flags & NI_NAMEREQD)
        return EAI_NONAME;
    return inet_ntop(family, bytes, host, host_bytes) ? 0 : EAI_OVERFLOW;
}

static int service_text(int port, char *service, socklen_t service_bytes, int flags)
{
    const char *name = flags & NI_NUMERICSERV ? NULL : service_name(port);
    int bytes = name ? snprintf(service, service_bytes, "%s", name)
                     : snprintf(service, service_bytes, "%d", port);
    return bytes < 0 || (socklen_t)bytes >= service_bytes ? EAI_OVERFLOW : 0;
}

int getnameinfo(const struct sockaddr *address, socklen_t address_bytes, char *host,
                socklen_t host_bytes, char *service, socklen_t service_bytes, int flags)
{
    struct sockaddr_in6 in6;
    struct sockaddr_in in;
    const void *bytes;
    in_port_t port;

    if (address->sa_family == AF_INET && address_bytes >= sizeof in) {
        memcpy(&in, address, sizeof in);
        bytes = &in.sin_addr;
        port = in.sin_port;
    } else if (address->sa_family == AF_INET6 && address_bytes >= sizeof in6) {
        memcpy(&in6, address, sizeof in6);
        bytes = &in6.sin6_addr;
        port = in6.sin6_port;
    } else {
        return EAI_FAMILY;
    }
    int result = 0;
    if (host && host_bytes)
        result = host_text(address->sa_family, bytes, host, host_bytes, flags);
    if (result == 0 && service && service_bytes)
        result = service_text(ntohs(port), service, service_bytes, flags);
    return result;
}
