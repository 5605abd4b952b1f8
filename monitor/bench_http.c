/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several tries run side by side, because one that came too early may be answered late (a lost SYN is
 * repeated after a second). See bench_http.h.
 */
#include "bench_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event.h"
#include "say.h"

#define AGAIN_NS 200000ull     /* after one that was refused */
#define ANOTHER_NS 20000000ull /* beside one that is not answered */

int bench_http_open(struct bench_http *http, const struct options *options)
{
    char place[64] = "", *port = place;
    const char *spec = options->http, *path = strchr(spec, '/');
    size_t length = path ? (size_t)(path - spec) : strlen(spec);

    *http = (struct bench_http){.address.sin_family = AF_INET};
    for (unsigned i = 0; i < BENCH_HTTP_TRIES; i++)
        http->tries[i].fd = -1;
    if (length < sizeof place)
        memcpy(place, spec, length);
    char *colon = strchr(place, ':');
    if (colon) {
        *colon = 0;
        port = colon + 1;
    }
    unsigned long number = strspn(port, "0123456789") == strlen(port) ? strtoul(port, NULL, 10) : 0;
    if (!number || number > 65535 ||
        inet_pton(AF_INET, colon ? place : "127.0.0.1", &http->address.sin_addr) != 1) {
        say("--http %s: not [ADDRESS:]PORT[/PATH]", spec);
        return -EINVAL;
    }
    http->address.sin_port = htons((uint16_t)number);
    int bytes = snprintf(http->request, sizeof http->request,
                         "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                         path ? path : "/", colon ? place : "localhost");
    if (bytes < 0 || (size_t)bytes >= sizeof http->request) {
        say("--http %s: too long", spec);
        return -EINVAL;
    }
    for (unsigned i = 0; i < options->device_count; i++) {
        const struct device_option *device = &options->devices[i];
        if (device->kind == DEVICE_NET_TAP && !http->interface[0])
            snprintf(http->interface, sizeof http->interface, "%.*s",
                     (int)strcspn(device->spec, ","), device->spec);
    }
    return 0;
}

/* Closes without waiting for the other side. */
static void drop(struct bench_try *try)
{
    struct linger linger = {.l_onoff = 1};

    if (try->fd < 0)
        return;
    setsockopt(try->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(try->fd);
    *try = (struct bench_try){.fd = -1};
}

bool bench_http_is_taken(const struct bench_http *http)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool loopback = ntohl(http->address.sin_addr.s_addr) >> 24 == 127;
    bool taken = fd >= 0 && loopback &&
                 !connect(fd, (const struct sockaddr *)&http->address, sizeof http->address);

    if (fd >= 0)
        close(fd);
    return taken;
}

void bench_http_reset(struct bench_http *http)
{
    for (unsigned i = 0; i < BENCH_HTTP_TRIES; i++)
        drop(&http->tries[i]);
    http->next_ns = 0;
}

/* What is sent to a tap that nobody has opened is lost, and the question who has the address is only
 * repeated after a second. */
static bool interface_up(struct bench_http *http, int fd)
{
    struct ifreq request = {0};

    if (!http->interface[0])
        return true;
    memcpy(request.ifr_name, http->interface, sizeof http->interface);
    return !ioctl(fd, SIOCGIFFLAGS, &request) && request.ifr_flags & IFF_RUNNING;
}

static void begin(struct bench_http *http, uint64_t now)
{
    struct bench_try *try = NULL;

    for (unsigned i = 0; i < BENCH_HTTP_TRIES && !try; i++)
        if (http->tries[i].fd < 0)
            try = &http->tries[i];
    http->next_ns = now + AGAIN_NS;
    if (!try)
        return;
    try->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (try->fd < 0)
        return;
    if (!interface_up(http, try->fd) ||
        (connect(try->fd, (const void *)&http->address, sizeof http->address) &&
         errno != EINPROGRESS))
        drop(try);
    else
        http->next_ns = now + ANOTHER_NS;
}

unsigned bench_http_turn(struct bench_http *http, struct pollfd *polls, uint64_t *wait_ns)
{
    uint64_t now = monotonic_ns();
    unsigned count = 0;

    if (now >= http->next_ns)
        begin(http, now);
    for (unsigned i = 0; i < BENCH_HTTP_TRIES; i++)
        if (http->tries[i].fd >= 0)
            polls[count++] = (struct pollfd){http->tries[i].fd,
                                             http->tries[i].asked ? POLLIN : POLLOUT, 0};
    *wait_ns = http->next_ns > now ? http->next_ns - now : 0;
    return count;
}

bool bench_http_take(struct bench_http *http, const struct pollfd *polls, unsigned count)
{
    unsigned at = 0;
    char byte;

    for (unsigned i = 0; i < BENCH_HTTP_TRIES && at < count; i++) {
        struct bench_try *try = &http->tries[i];
        ssize_t length = (ssize_t)strlen(http->request);
        if (try->fd < 0)
            continue;
        short events = polls[at++].revents;
        if (!events)
            continue;
        if (try->asked && recv(try->fd, &byte, 1, 0) == 1)
            return true;
        if (try->asked || send(try->fd, http->request, (size_t)length, MSG_NOSIGNAL) != length) {
            drop(try);
            http->next_ns = monotonic_ns() + AGAIN_NS;
        } else {
            try->asked = true;
        }
    }
    return false;
}
