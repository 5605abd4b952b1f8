/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP over the loopback: connecting, data both ways, peeking, half-close, resets, names. */
#include "net_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define BULK (3 * 1000 * 1000 + 7)

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at * 2654435761u >> 13);
}

static void *send_bulk(void *argument)
{
    int fd = *(int *)argument;
    static unsigned char data[BULK];
    for (size_t i = 0; i < BULK; i++)
        data[i] = pattern(i);
    CHECK(write(fd, data, BULK) == BULK);
    CHECK(shutdown(fd, SHUT_WR) == 0);
    return NULL;
}

/* One thread writes megabytes in one call, the other reads them in odd pieces. */
static void test_bulk(void)
{
    int ends[2];
    pthread_t sender;
    unsigned char piece[7001];
    size_t total = 0;
    ssize_t count;

    pair4(ends);
    CHECK(pthread_create(&sender, NULL, send_bulk, &ends[0]) == 0);
    while ((count = read(ends[1], piece, sizeof piece)) > 0)
        for (ssize_t i = 0; i < count; i++)
            CHECK(piece[i] == pattern(total++));
    CHECK(count == 0 && total == BULK);
    CHECK(pthread_join(sender, NULL) == 0);

    /* The other direction is still open. */
    CHECK(write(ends[1], "back", 4) == 4);
    CHECK(close(ends[1]) == 0);
    CHECK(recv(ends[0], piece, sizeof piece, MSG_WAITALL) == 4 && memcmp(piece, "back", 4) == 0);
    CHECK(read(ends[0], piece, 1) == 0);
    CHECK_ERRNO(write(ends[0], "x", 1), EPIPE);
    CHECK(close(ends[0]) == 0);
}

static void test_peek_and_pieces(void)
{
    int ends[2], waiting;
    char a[3], b[5];
    struct iovec pieces[2] = {{a, sizeof a}, {b, sizeof b}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

    pair4(ends);
    CHECK(send(ends[0], "hello, ", 7, MSG_MORE) == 7);
    CHECK(send(ends[0], "world", 5, 0) == 5);
    CHECK(recv(ends[1], a, 3, MSG_PEEK | MSG_WAITALL) == 3 && memcmp(a, "hel", 3) == 0);
    while (ioctl(ends[1], FIONREAD, &waiting) == 0 && waiting < 12)
        usleep(1000);
    CHECK(waiting == 12);
    CHECK(recvmsg(ends[1], &message, 0) == 8);
    CHECK(memcmp(a, "hel", 3) == 0 && memcmp(b, "lo, w", 5) == 0);
    CHECK(recv(ends[1], b, 5, 0) == 4 && memcmp(b, "orld", 4) == 0);
    CHECK_ERRNO(recv(ends[1], b, 1, MSG_DONTWAIT), EAGAIN);

    struct iovec out[2] = {{(char[]){"ab"}, 2}, {(char[]){"cde"}, 3}};
    CHECK(writev(ends[1], out, 2) == 5);
    CHECK(recv(ends[0], b, 5, MSG_WAITALL) == 5 && memcmp(b, "abcde", 5) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void test_names(void)
{
    int ends[2];
    struct sockaddr_in local, remote;
    socklen_t bytes = sizeof local;

    pair4(ends);
    CHECK(getsockname(ends[0], (struct sockaddr *)&local, &bytes) == 0 && bytes == sizeof local);
    CHECK(getpeername(ends[1], (struct sockaddr *)&remote, &bytes) == 0);
    CHECK(memcmp(&local, &remote, sizeof local) == 0);
    CHECK(local.sin_family == AF_INET && local.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    bytes = 2; /* cut, with its full length told */
    CHECK(getpeername(ends[0], (struct sockaddr *)&remote, &bytes) == 0 && bytes == sizeof remote);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

/* Closing with unread data resets the connection, and so does lingering for no time. */
static void test_resets(void)
{
    int ends[2];
    char byte;
    const struct linger none = {1, 0};

    pair4(ends);
    CHECK(write(ends[0], "unread", 6) == 6);
    CHECK(recv(ends[1], &byte, 1, MSG_PEEK) == 1);
    CHECK(close(ends[1]) == 0);
    CHECK_ERRNO(read(ends[0], &byte, 1), ECONNRESET);
    CHECK(read(ends[0], &byte, 1) == 0);
    CHECK_ERRNO(write(ends[0], "x", 1), EPIPE);
    CHECK(close(ends[0]) == 0);

    pair4(ends);
    CHECK(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    CHECK(close(ends[0]) == 0);
    CHECK_ERRNO(read(ends[1], &byte, 1), ECONNRESET);
    CHECK(close(ends[1]) == 0);
}

static void test_refused(void)
{
    unsigned port;
    int listening = listen4(&port, 1);
    struct sockaddr_in address = loopback4(port);
    CHECK(close(listening) == 0);

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), ECONNREFUSED);
    CHECK_ERRNO(write(fd, "x", 1), ENOTCONN);
    /* The same socket may try again. */
    listening = listen4(&port, 1);
    address = loopback4(port);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EISCONN);
    CHECK(close(fd) == 0 && close(listening) == 0);
}

static void test_wrong_use(void)
{
    struct sockaddr_in address = loopback4(1);
    unsigned port;
    int listening = listen4(&port, 1);

    CHECK_ERRNO(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_ERRNO(bind(0, (struct sockaddr *)&address, sizeof address), ENOTSOCK);
    CHECK_ERRNO(listen(-1, 1), EBADF);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(fd, (struct sockaddr *)&address, 3), EINVAL);
    address = loopback4(port);
    CHECK_ERRNO(bind(fd, (struct sockaddr *)&address, sizeof address), EADDRINUSE);
    CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
    CHECK_ERRNO(read(listening, &port, 1), ENOTCONN);
    CHECK_ERRNO(getpeername(fd, (struct sockaddr *)&address, &(socklen_t){16}), ENOTCONN);
    CHECK_ERRNO(shutdown(fd, SHUT_WR), ENOTCONN);
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
    CHECK(close(fd) == 0 && close(listening) == 0);
}

/* IPv6, and IPv4 peers of a dual-stack listener as mapped addresses. */
static void test_v6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
    struct sockaddr_in6 peer;
    socklen_t bytes = sizeof address;
    char byte;

    int listening = socket(AF_INET6, SOCK_STREAM, 0);
    CHECK(bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listening, 2) == 0);
    CHECK(getsockname(listening, (struct sockaddr *)&address, &bytes) == 0);
    address.sin6_addr = in6addr_loopback;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    int other = accept(listening, (struct sockaddr *)&peer, &bytes);
    CHECK(other >= 0 && bytes == sizeof peer && peer.sin6_family == AF_INET6);
    CHECK(IN6_IS_ADDR_LOOPBACK(&peer.sin6_addr));
    CHECK(write(fd, "6", 1) == 1 && read(other, &byte, 1) == 1 && byte == '6');
    CHECK(close(fd) == 0 && close(other) == 0);

    fd = connect4(ntohs(address.sin6_port));
    other = accept(listening, (struct sockaddr *)&peer, &bytes);
    CHECK(other >= 0 && IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));
    CHECK(write(fd, "4", 1) == 1 && read(other, &byte, 1) == 1 && byte == '4');
    CHECK(close(fd) == 0 && close(other) == 0 && close(listening) == 0);
}

int main(void)
{
    test_names();
    test_peek_and_pieces();
    test_bulk();
    test_resets();
    test_refused();
    test_wrong_use();
    test_v6();
    puts("ok");
    return 0;
}
