/* SPDX-License-Identifier: BSD-2-Clause */
/* What the network's guest tests share: a check that names its line, and loopback sockets. */
#ifndef NET_TEST_H
#define NET_TEST_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            printf("%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

/* Fails, and with this errno. */
#define CHECK_ERRNO(call, number) \
    do {                          \
        errno = 0;                \
        CHECK((call) == -1);      \
        CHECK(errno == (number)); \
    } while (0)

static inline struct sockaddr_in loopback4(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* A TCP socket that listens on 127.0.0.1; its port in *port. */
static inline int listen4(unsigned *port, int backlog)
{
    struct sockaddr_in address = loopback4(0);
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fd, backlog) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &bytes) == 0);
    *port = ntohs(address.sin_port);
    CHECK(*port >= 1024);
    return fd;
}

static inline int connect4(unsigned port)
{
    struct sockaddr_in address = loopback4(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* A connected pair over the loopback. */
static inline void pair4(int ends[2])
{
    unsigned port;
    int listening = listen4(&port, 4);
    ends[0] = connect4(port);
    ends[1] = accept(listening, NULL, NULL);
    CHECK(ends[1] >= 0);
    CHECK(close(listening) == 0);
}

#endif
