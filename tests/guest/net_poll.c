/* SPDX-License-Identifier: BSD-2-Clause */
/* Non-blocking sockets and readiness: poll, select, time-outs, backlog, socketpair. */
#include "net_test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/select.h>
#include <sys/time.h>

static short ready(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    CHECK(poll(&one, 1, 0) >= 0);
    return one.revents & (POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
}

static void await(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    CHECK(poll(&one, 1, 10000) == 1 && one.revents & events);
}

static void test_connect_nonblocking(void)
{
    unsigned port;
    int listening = listen4(&port, 4), error;
    struct sockaddr_in address = loopback4(port);
    socklen_t bytes = sizeof error;

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EINPROGRESS);
    await(fd, POLLOUT);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0);
    await(listening, POLLIN);
    int other = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    CHECK(other >= 0 && fcntl(other, F_GETFL) & O_NONBLOCK);
    CHECK(ready(listening) == 0 && ready(fd) == POLLOUT && ready(other) == POLLOUT);
    CHECK(fcntl(listening, F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERRNO(accept(listening, NULL, NULL), EAGAIN);
    CHECK(close(listening) == 0 && close(fd) == 0 && close(other) == 0);

    /* Refused: told by poll and SO_ERROR, once. */
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EINPROGRESS);
    await(fd, POLLERR);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == ECONNREFUSED);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0);
    CHECK(close(fd) == 0);
}

static void test_readiness(void)
{
    int ends[2];
    char data[4096] = {0};
    size_t sent = 0;

    pair4(ends);
    CHECK(ready(ends[0]) == POLLOUT);
    CHECK(write(ends[1], "x", 1) == 1);
    await(ends[0], POLLIN);
    CHECK(read(ends[0], data, 1) == 1 && ready(ends[0]) == POLLOUT);

    /* A full pipe is not writable, and becomes so again when it is read. */
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    for (ssize_t count; (count = write(ends[0], data, sizeof data)) > 0;)
        sent += (size_t)count;
    CHECK(errno == EAGAIN && sent > 100000 && ready(ends[0]) == 0);
    while (sent > 0) {
        ssize_t count = read(ends[1], data, sizeof data);
        CHECK(count > 0);
        sent -= (size_t)count;
    }
    await(ends[0], POLLOUT);

    CHECK(shutdown(ends[1], SHUT_WR) == 0);
    await(ends[0], POLLRDHUP);
    CHECK(ready(ends[0]) == (POLLIN | POLLOUT | POLLRDHUP));
    CHECK(close(ends[1]) == 0 && close(ends[0]) == 0);
}

static void *write_later(void *argument)
{
    usleep(50000);
    CHECK(write(*(int *)argument, "late", 4) == 4);
    return NULL;
}

static void test_select_waits(void)
{
    int ends[2];
    pthread_t writer;
    fd_set readable;
    struct timeval time = {.tv_usec = 10000};

    pair4(ends);
    FD_ZERO(&readable);
    FD_SET(ends[0], &readable);
    CHECK(select(ends[0] + 1, &readable, NULL, NULL, &time) == 0);
    CHECK(pthread_create(&writer, NULL, write_later, &ends[1]) == 0);
    FD_SET(ends[0], &readable);
    CHECK(select(ends[0] + 1, &readable, NULL, NULL, NULL) == 1 && FD_ISSET(ends[0], &readable));
    CHECK(pthread_join(writer, NULL) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

/* More connections than any small table holds, all open at once. */
static void test_many(void)
{
    enum { MANY = 400 };
    static int clients[MANY], servers[MANY];
    unsigned port;
    char byte;
    int listening = listen4(&port, SOMAXCONN);

    for (int i = 0; i < MANY; i++)
        clients[i] = connect4(port);
    for (int i = 0; i < MANY; i++)
        CHECK((servers[i] = accept(listening, NULL, NULL)) >= 0);
    for (int i = 0; i < MANY; i++)
        CHECK(write(clients[i], "m", 1) == 1 && read(servers[i], &byte, 1) == 1);
    for (int i = 0; i < MANY; i++)
        CHECK(close(clients[i]) == 0 && close(servers[i]) == 0);
    CHECK(close(listening) == 0);
}

static void test_options(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, value;
    socklen_t bytes = sizeof value;
    struct timeval time = {3, 250000};

    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &bytes) == 0 && value == SOCK_STREAM);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &bytes) == 0 && value == 1);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &bytes) == 0 && value == 0);
    CHECK(setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on) == 0);
    CHECK(getsockopt(fd, IPPROTO_TCP, 1, &value, &bytes) == 0 && value == 1);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0);
    bytes = sizeof time;
    time = (struct timeval){0, 0};
    CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, &bytes) == 0);
    CHECK(time.tv_sec == 3 && time.tv_usec == 250000);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, 9999, &on, sizeof on), ENOPROTOOPT);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, 2), EINVAL);
    CHECK(close(fd) == 0);
}

static void test_pair(void)
{
    int fds[2];
    static char data[50000], back[50000];
    pthread_t writer;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    CHECK(ready(fds[0]) == POLLOUT);
    CHECK(pthread_create(&writer, NULL, write_later, &fds[1]) == 0);
    CHECK(recv(fds[0], back, 4, MSG_WAITALL) == 4 && memcmp(back, "late", 4) == 0);
    CHECK(pthread_join(writer, NULL) == 0);

    /* More than the ring holds comes through in parts, in order. */
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7 >> 3);
    size_t sent = 0, got = 0;
    while (got < sizeof data) {
        ssize_t count = send(fds[0], data + sent, sizeof data - sent, MSG_DONTWAIT);
        CHECK(count >= 0 || errno == EAGAIN);
        sent += count > 0 ? (size_t)count : 0;
        count = recv(fds[1], back + got, 5003, MSG_DONTWAIT);
        CHECK(count > 0);
        got += (size_t)count;
    }
    CHECK(memcmp(data, back, sizeof data) == 0);
    CHECK(close(fds[0]) == 0 && read(fds[1], back, 1) == 0);
    CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
    CHECK(close(fds[1]) == 0);
    CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, fds), EAFNOSUPPORT);
}

int main(void)
{
    test_options();
    test_connect_nonblocking();
    test_readiness();
    test_select_waits();
    test_many();
    test_pair();
    puts("ok");
    return 0;
}
