/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One name to its addresses: numeric text and "localhost" at once, the rest by a query through
 * lwIP's resolver, during which the calling thread sleeps. For getaddrinfo and gethostbyname.
 */
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/clock.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "lwip/dns.h"
#include "stack.h"

#define QUERY_NS 10000000000ull
#define UNANSWERED_NS 4000000000ull

/* Shared with lwIP's callback, which may come after the caller gave up: whoever is last frees. */
struct query {
    struct waitq done_queue;
    ip_addr_t ip;
    bool found, done, abandoned;
};

static void on_found(const char *name, const ip_addr_t *ip, void *argument)
{
    struct query *query = argument;
    (void)name;
    timers_dns_queries(-1);
    if (query->abandoned) {
        free(query);
        return;
    }
    query->found = ip != NULL;
    if (ip)
        ip_addr_copy(query->ip, *ip);
    query->done = true;
    waitq_wake(&query->done_queue, UINT32_MAX);
}

/*
 * Under the stack's lock. 0, EAI_NONAME, EAI_AGAIN. lwIP does not say whether a server denied the
 * name or none answered; but only in the second case it has tried for seconds.
 */
static int query_wait(struct query *query)
{
    uint64_t start_ns = clock_now_ns();
    while (!query->done) {
        if (net_wait(&query->done_queue, start_ns + QUERY_NS) == -ETIMEDOUT && !query->done) {
            query->abandoned = true;
            return EAI_AGAIN;
        }
    }
    if (query->found)
        return 0;
    return clock_now_ns() - start_ns < UNANSWERED_NS ? EAI_NONAME : EAI_AGAIN;
}

static void address_from_lwip(struct resolved *resolved, const ip_addr_t *ip)
{
    bool v6 = IP_IS_V6(ip);
    struct resolved_address *address = &resolved->addresses[resolved->count++];
    address->family = v6 ? AF_INET6 : AF_INET;
    if (v6)
        memcpy(address->bytes, ip_2_ip6(ip)->addr, 16);
    else
        memcpy(address->bytes, &ip_2_ip4(ip)->addr, 4);
}

static int query_one(const char *name, u8_t type, struct resolved *resolved)
{
    struct query *query = calloc(1, sizeof *query);
    if (!query)
        return EAI_MEMORY;
    int result = EAI_FAIL;
    net_lock();
    name_servers_order();
    err_t error = dns_gethostbyname_addrtype(name, &query->ip, on_found, query, type);
    if (error == ERR_OK) {
        result = 0;
    } else if (error == ERR_INPROGRESS) {
        timers_dns_queries(1);
        result = query_wait(query);
    } else if (error == ERR_MEM) {
        result = EAI_AGAIN;
    } else if (error == ERR_VAL) {
        result = EAI_AGAIN; /* no name server is known (yet) */
    } else if (error == ERR_ARG) {
        result = EAI_NONAME;
    }
    if (result == 0)
        address_from_lwip(resolved, &query->ip);
    bool abandoned = query->abandoned;
    net_unlock();
    if (!abandoned)
        free(query);
    return result;
}

/* Labels of 1 to 63 bytes, 253 in all, a dot at the end allowed (RFC 1035, 2.3.4). */
static bool name_is_valid(const char *name)
{
    size_t label = 0, bytes = strlen(name);
    if (bytes == 0 || bytes > 253)
        return false;
    for (; *name; name++) {
        if (*name != '.' && ++label > 63)
            return false;
        if (*name == '.' && label == 0)
            return false;
        if (*name == '.')
            label = 0;
    }
    return true;
}

static bool add_numeric(const char *name, int family, struct resolved *resolved)
{
    struct resolved_address *address = &resolved->addresses[resolved->count];
    if (inet_pton(family, name, address->bytes) != 1)
        return false;
    address->family = family;
    resolved->count++;
    return true;
}

static int wanted_not_there(int family)
{
    return family == AF_UNSPEC ? EAI_NONAME : EAI_FAMILY;
}

int resolve(const char *name, int family, bool numeric_only, struct resolved *resolved)
{
    bool v4 = family != AF_INET6, v6 = family != AF_INET;
    resolved->count = 0;
    if (v4 && add_numeric(name, AF_INET, resolved))
        return 0;
    if (v6 && add_numeric(name, AF_INET6, resolved))
        return 0;
    struct resolved other;
    other.count = 0;
    if (add_numeric(name, v4 ? AF_INET6 : AF_INET, &other))
        return wanted_not_there(family);
    if (numeric_only)
        return EAI_NONAME;
    if (strcmp(name, "localhost") == 0) {
        if (v6)
            add_numeric("::1", AF_INET6, resolved);
        if (v4)
            add_numeric("127.0.0.1", AF_INET, resolved);
        return 0;
    }
    int result = EAI_NONAME;
    if (!name_is_valid(name))
        return result;
    if (v4)
        result = query_one(name, LWIP_DNS_ADDRTYPE_IPV4, resolved);
    if (v6 && result != EAI_AGAIN)
        result = query_one(name, LWIP_DNS_ADDRTYPE_IPV6, resolved);
    return resolved->count ? 0 : result;
}
