/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --timeout 2 */
/* expect: status 124 */
/* expect-stdout: listening */
/*
 * Echoes what comes to TCP and UDP port 7, for any number of connections, until the host ends it.
 * The end-to-end tests talk to it; alone it only shows that listening works without a device.
 */
#include "net_test.h"

#include <poll.h>

#define MOST 1200

static struct pollfd fds[MOST];
static nfds_t count;

static void add(int fd)
{
    if (count == MOST)
        close(fd);
    else
        fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static int open_port(int type)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    int fd = socket(AF_INET6, type, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0);
    CHECK(type != SOCK_STREAM || listen(fd, SOMAXCONN) == 0);
    return fd;
}

static void echo_datagram(int fd)
{
    static char data[65536];
    struct sockaddr_storage peer;
    socklen_t bytes = sizeof peer;
    ssize_t length = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&peer, &bytes);
    if (length >= 0)
        sendto(fd, data, (size_t)length, 0, (struct sockaddr *)&peer, bytes);
}

/* False when the connection is over. A single exclamation mark is the last that is echoed. */
static int echo_stream(int fd)
{
    static char data[16384];
    ssize_t length = read(fd, data, sizeof data);
    if (length <= 0 || write(fd, data, (size_t)length) != length)
        return 0;
    return length != 1 || data[0] != '!';
}

int main(void)
{
    add(open_port(SOCK_STREAM));
    add(open_port(SOCK_DGRAM));
    puts("listening");
    for (;;) {
        CHECK(poll(fds, count, -1) > 0);
        if (fds[0].revents)
            add(accept(fds[0].fd, NULL, NULL));
        if (fds[1].revents)
            echo_datagram(fds[1].fd);
        for (nfds_t i = 2; i < count; i++) {
            if (fds[i].revents && !echo_stream(fds[i].fd)) {
                close(fds[i].fd);
                fds[i--] = fds[--count];
            }
        }
    }
}
