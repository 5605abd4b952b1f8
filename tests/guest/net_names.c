/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as text, names without a name server, interfaces. */
#include "net_test.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdbool.h>

static void check_text6(const char *text, const char *canonical)
{
    struct in6_addr address;
    char back[INET6_ADDRSTRLEN];
    CHECK(inet_pton(AF_INET6, text, &address) == 1);
    CHECK(inet_ntop(AF_INET6, &address, back, sizeof back) == back);
    if (strcmp(back, canonical) != 0) {
        printf("%s became %s, not %s\n", text, back, canonical);
        exit(1);
    }
}

static void test_text(void)
{
    struct in_addr v4;
    struct in6_addr v6;
    char text[INET6_ADDRSTRLEN];

    CHECK(inet_pton(AF_INET, "192.0.2.255", &v4) == 1 && v4.s_addr == htonl(0xc00002ff));
    CHECK(strcmp(inet_ntoa(v4), "192.0.2.255") == 0);
    static const char *const bad4[] = {"",         "1.2.3",    "1.2.3.4.5", "256.1.1.1",
                                       "01.2.3.4", "1.2.3.4 ", "1..2.3",    "1.2.3.x"};
    for (size_t i = 0; i < sizeof bad4 / sizeof *bad4; i++)
        CHECK(inet_pton(AF_INET, bad4[i], &v4) == 0);
    CHECK(inet_addr("127.1") == htonl(INADDR_LOOPBACK));
    CHECK(inet_addr("0x7f000001") == htonl(INADDR_LOOPBACK));
    CHECK(inet_addr("010.0.0.1") == htonl(0x08000001));
    CHECK(inet_addr("1.2.3.256") == INADDR_NONE && inet_addr("moose") == INADDR_NONE);

    check_text6("::", "::");
    check_text6("::1", "::1");
    check_text6("1::", "1::");
    check_text6("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    check_text6("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
    check_text6("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8");
    check_text6("::ffff:10.0.2.15", "::ffff:10.0.2.15");
    check_text6("fe80::0204:61ff:fe9d:f156", "fe80::204:61ff:fe9d:f156");
    static const char *const bad6[] = {"",
                                       ":",
                                       ":1",
                                       "1:",
                                       ":::",
                                       "1::2::3",
                                       "12345::",
                                       "1:2:3",
                                       "1:2:3:4:5:6:7:8:9",
                                       "1:2:3:4:5:6:7:8::",
                                       "::1.2.3",
                                       "1:2:3:4:5:6:7:1.2.3.4",
                                       "g::",
                                       "::1 "};
    for (size_t i = 0; i < sizeof bad6 / sizeof *bad6; i++)
        CHECK(inet_pton(AF_INET6, bad6[i], &v6) == 0);
    CHECK_ERRNO(inet_pton(77, "1.2.3.4", &v4), EAFNOSUPPORT);
    errno = 0;
    CHECK(!inet_ntop(AF_INET, &v4, text, 4) && errno == ENOSPC);
    CHECK(htons(0x1234) == 0x3412 && ntohl(htonl(0xdeadbeef)) == 0xdeadbeef);
}

static void test_getaddrinfo(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;

    CHECK(getaddrinfo("localhost", "http", &hints, &list) == 0);
    bool seen4 = false, seen6 = false;
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        CHECK(at->ai_socktype == SOCK_STREAM && at->ai_protocol == IPPROTO_TCP);
        if (at->ai_family == AF_INET) {
            const struct sockaddr_in *in = (const struct sockaddr_in *)at->ai_addr;
            seen4 = in->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && in->sin_port == htons(80);
        } else {
            const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)at->ai_addr;
            seen6 = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) && in6->sin6_port == htons(80);
        }
    }
    CHECK(seen4 && seen6);
    freeaddrinfo(list);

    hints = (struct addrinfo){.ai_family = AF_INET, .ai_flags = AI_PASSIVE};
    CHECK(getaddrinfo(NULL, "8080", &hints, &list) == 0);
    CHECK(((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr == INADDR_ANY);
    freeaddrinfo(list);

    hints.ai_flags = AI_NUMERICHOST | AI_CANONNAME;
    CHECK(getaddrinfo("10.1.2.3", NULL, &hints, &list) == 0);
    CHECK(strcmp(list->ai_canonname, "10.1.2.3") == 0);
    freeaddrinfo(list);
    CHECK(getaddrinfo("ten", NULL, &hints, &list) == EAI_NONAME && !list);
    CHECK(getaddrinfo("::1", NULL, &hints, &list) == EAI_FAMILY);
    CHECK(getaddrinfo(NULL, NULL, NULL, &list) == EAI_NONAME);
    CHECK(getaddrinfo("127.0.0.1", "no-such-service", NULL, &list) == EAI_SERVICE);
    CHECK(getaddrinfo("127.0.0.1", "70000", NULL, &list) == EAI_SERVICE);
    hints = (struct addrinfo){.ai_family = 99};
    CHECK(getaddrinfo("127.0.0.1", NULL, &hints, &list) == EAI_FAMILY);
    /* No device, no name server: an answer at once, not a wait. */
    CHECK(getaddrinfo("example.org", NULL, NULL, &list) == EAI_AGAIN);
    CHECK(getaddrinfo("bad..name", NULL, NULL, &list) == EAI_NONAME);
    CHECK(getaddrinfo("", NULL, NULL, &list) == EAI_NONAME);
    CHECK(strlen(gai_strerror(EAI_AGAIN)) > 0);

    const struct hostent *host = gethostbyname("127.0.0.1");
    CHECK(host && host->h_length == 4 && memcmp(host->h_addr, "\x7f\0\0\1", 4) == 0);
    CHECK(!gethostbyname("example.org") && h_errno == TRY_AGAIN);
    CHECK(getservbyname("https", "tcp")->s_port == htons(443));
}

static void test_getnameinfo(void)
{
    struct sockaddr_in address = loopback4(80);
    char host[NI_MAXHOST], service[NI_MAXSERV];
    const struct sockaddr *any = (struct sockaddr *)&address;

    CHECK(getnameinfo(any, sizeof address, host, sizeof host, service, sizeof service, 0) == 0);
    CHECK(strcmp(host, "localhost") == 0 && strcmp(service, "http") == 0);
    CHECK(getnameinfo(any, sizeof address, host, sizeof host, service, sizeof service,
                      NI_NUMERICHOST | NI_NUMERICSERV) == 0);
    CHECK(strcmp(host, "127.0.0.1") == 0 && strcmp(service, "80") == 0);
    CHECK(getnameinfo(any, sizeof address, host, 4, NULL, 0, NI_NUMERICHOST) == EAI_OVERFLOW);
    CHECK(getnameinfo(any, 3, host, sizeof host, NULL, 0, 0) == EAI_FAMILY);
}

static void test_interfaces(void)
{
    struct ifaddrs *list;
    char name[IF_NAMESIZE];
    bool seen = false;

    CHECK(getifaddrs(&list) == 0);
    for (const struct ifaddrs *at = list; at; at = at->ifa_next)
        if (strcmp(at->ifa_name, "lo") == 0 && at->ifa_addr->sa_family == AF_INET)
            seen = at->ifa_flags & IFF_LOOPBACK && at->ifa_flags & IFF_UP &&
                   ((struct sockaddr_in *)at->ifa_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    CHECK(seen);
    freeifaddrs(list);
    CHECK(if_nametoindex("lo") == 1 && if_nametoindex("eth7") == 0);
    CHECK(strcmp(if_indextoname(1, name), "lo") == 0);
    errno = 0;
    CHECK(!if_indextoname(200, name) && errno == ENXIO);
    struct if_nameindex *names = if_nameindex();
    CHECK(names && names[0].if_index == 1 && strcmp(names[0].if_name, "lo") == 0);
    CHECK(!names[1].if_name);
    if_freenameindex(names);
}

int main(void)
{
    test_text();
    test_getaddrinfo();
    test_getnameinfo();
    test_interfaces();
    puts("ok");
    return 0;
}
