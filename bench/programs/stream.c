/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network load in its plainest form, an ordinary POSIX program for Coracle and for Linux:
 *
 *     stream PORT                          serves: TCP connections, one at a time, and UDP; and
 *                                          iperf3 on its own port
 *     stream ADDRESS PORT in BYTES         sends BYTES into the server; prints Mbit/s
 *     stream ADDRESS PORT out BYTES        has the server send them; prints Mbit/s
 *     stream ADDRESS PORT echo COUNT       one byte there and back, COUNT times; prints us each
 *     stream ADDRESS PORT datagrams COUNT  sends a few, asks how many came, and so on; prints
 *                                          datagrams a second that arrived, and lost per cent
 *     stream ADDRESS PORT flood-in MS      sends as many as go out in that time; prints the same, and
 *                                          datagrams a second that were sent
 *     stream ADDRESS PORT flood-out MS     has the server send them
 *     stream ADDRESS PORT get COUNT        asks an HTTP server COUNT times on one connection
 *
 * A connection begins with a request: its kind and a number. Used by bench/network.py.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flood.h"
#include "iperf.h"
#include "stream.h"

#define IPERF_PORT 5201u
#define CHUNK_BYTES 65536u
#define DATAGRAM_WINDOW 32u /* sent before the server is asked how many have come */
#define SETTLE_US 200000    /* until nothing of a flood is on its way */

enum kind { KIND_IN = 1, KIND_OUT, KIND_ECHO };

struct request {
    uint64_t kind;
    uint64_t number;
};

static char chunk[CHUNK_BYTES];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

double now_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

bool read_all(int fd, void *data, size_t bytes)
{
    for (size_t got = 0; got < bytes;) {
        ssize_t more = read(fd, (char *)data + got, bytes - got);
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

bool write_all(int fd, const void *data, size_t bytes)
{
    for (size_t put = 0; put < bytes;) {
        ssize_t more = send(fd, (const char *)data + put, bytes - put, MSG_NOSIGNAL);
        if (more <= 0)
            return false;
        put += (size_t)more;
    }
    return true;
}

static int send_bytes(int fd, uint64_t bytes)
{
    while (bytes > 0) {
        size_t part = bytes < CHUNK_BYTES ? (size_t)bytes : CHUNK_BYTES;
        if (!write_all(fd, chunk, part))
            return 0;
        bytes -= part;
    }
    return 1;
}

static int take_bytes(int fd, uint64_t bytes)
{
    while (bytes > 0) {
        ssize_t part = read(fd, chunk, bytes < CHUNK_BYTES ? (size_t)bytes : CHUNK_BYTES);
        if (part <= 0)
            return 0;
        bytes -= (uint64_t)part;
    }
    return 1;
}

static void set_no_delay(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* ---- the server ----------------------------------------------------------------------------- */

static void serve_connection(int fd)
{
    struct request request;
    char byte = 0;

    set_no_delay(fd);
    if (!read_all(fd, &request, sizeof request))
        return;
    if (request.kind == KIND_IN && take_bytes(fd, request.number))
        write_all(fd, &byte, 1);
    else if (request.kind == KIND_OUT)
        send_bytes(fd, request.number);
    else if (request.kind == KIND_ECHO)
        while (read_all(fd, &byte, 1) && write_all(fd, &byte, 1))
            continue;
}

/* Counts datagrams. A request has a flood sent, whose size is the count then. One of another size asks
 * for the count since the last such one. */
static void serve_datagrams(int fd)
{
    static uint64_t count;
    char data[2048];
    struct request request;
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof from;
    ssize_t bytes;

    while ((bytes = recvfrom(fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&from,
                             &from_bytes)) >= 0) {
        if (bytes == DATAGRAM_BYTES) {
            count++;
            continue;
        }
        if (bytes == sizeof request) {
            memcpy(&request, data, sizeof request);
            count = flood_send(fd, &from, request.number);
            continue;
        }
        sendto(fd, &count, sizeof count, 0, (struct sockaddr *)&from, from_bytes);
        count = 0;
    }
}

static int open_server(int type, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type, 0), one = 1;

    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        (type == SOCK_STREAM && listen(fd, 8) < 0))
        fail("bind");
    return fd;
}

static void serve(uint16_t port)
{
    int stream = open_server(SOCK_STREAM, port), datagrams = open_server(SOCK_DGRAM, port);
    int iperf = open_server(SOCK_STREAM, IPERF_PORT);

    puts("serving");
    fflush(stdout);
    for (;;) {
        struct pollfd fds[] = {{.fd = stream, .events = POLLIN},
                               {.fd = datagrams, .events = POLLIN},
                               {.fd = iperf, .events = POLLIN}};

        if (poll(fds, 3, -1) < 0)
            fail("poll");
        if (fds[1].revents)
            serve_datagrams(datagrams);
        if (fds[2].revents)
            iperf_serve(iperf);
        if (fds[0].revents) {
            int fd = accept(stream, NULL, NULL);
            if (fd < 0)
                fail("accept");
            serve_connection(fd);
            close(fd);
        }
    }
}

/* ---- the client ----------------------------------------------------------------------------- */

static int connect_to(const struct sockaddr_in *address, int type)
{
    int fd = socket(AF_INET, type, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        fail("connect");
    return fd;
}

static void ask_stream(const struct sockaddr_in *address, enum kind kind, uint64_t number)
{
    struct request request = {kind, number};
    int fd = connect_to(address, SOCK_STREAM);
    char byte = 0;
    int good = 1;

    set_no_delay(fd);
    if (!write_all(fd, &request, sizeof request))
        fail("request");
    double begin = now_seconds();
    if (kind == KIND_IN)
        good = send_bytes(fd, number) && read_all(fd, &byte, 1);
    else if (kind == KIND_OUT)
        good = take_bytes(fd, number);
    else
        for (uint64_t i = 0; i < number && good; i++)
            good = write_all(fd, &byte, 1) && read_all(fd, &byte, 1);
    double seconds = now_seconds() - begin;
    if (!good)
        fail("the transfer");
    if (kind == KIND_ECHO)
        printf("%.3f\n", seconds * 1e6 / (double)number);
    else
        printf("%.1f\n", (double)number * 8 / seconds / 1e6);
    close(fd);
}

/* How many datagrams have come since it was last asked; asks again when the answer got lost. What
 * else still comes is a flood's. */
static uint64_t ask_count(int fd)
{
    struct timeval patience = {.tv_usec = 200000};
    uint64_t count;
    char question = '?', answer[DATAGRAM_BYTES];
    ssize_t got;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (unsigned tries = 0; tries < 50; tries++) {
        if (send(fd, &question, 1, 0) < 0 && errno != ECONNREFUSED)
            fail("send");
        while ((got = recv(fd, answer, sizeof answer, 0)) > 0)
            if (got == sizeof count) {
                memcpy(&count, answer, sizeof count);
                return count;
            }
    }
    fail("no answer");
    return 0;
}

static void send_datagrams(const struct sockaddr_in *address, uint64_t number)
{
    int fd = connect_to(address, SOCK_DGRAM);
    uint64_t arrived = 0;

    ask_count(fd);
    double begin = now_seconds();
    for (uint64_t sent = 0; sent < number;) {
        for (unsigned i = 0; i < DATAGRAM_WINDOW && sent < number; i++, sent++)
            if (send(fd, chunk, DATAGRAM_BYTES, 0) < 0 && errno != ENOBUFS)
                fail("send");
        arrived += ask_count(fd);
    }
    double seconds = now_seconds() - begin;
    printf("%.0f %.2f\n", (double)arrived / seconds, 100 - (double)arrived * 100 / (double)number);
    close(fd);
}

static void print_flood(uint64_t arrived, uint64_t sent, double seconds)
{
    printf("%.0f %.2f %.0f\n", (double)arrived / seconds,
           100 - (double)arrived * 100 / (double)sent, (double)sent / seconds);
}

/* What still waits when the last is sent arrives a little later and counts. */
static void flood_in(const struct sockaddr_in *address, uint64_t milliseconds)
{
    int fd = connect_to(address, SOCK_DGRAM);

    ask_count(fd);
    double begin = now_seconds();
    uint64_t sent = flood_send(fd, NULL, milliseconds);
    double seconds = now_seconds() - begin;
    usleep(SETTLE_US);
    print_flood(ask_count(fd), sent, seconds);
    close(fd);
}

static void flood_out(const struct sockaddr_in *address, uint64_t milliseconds)
{
    struct request request = {.number = milliseconds};
    int fd = connect_to(address, SOCK_DGRAM);
    double seconds;

    ask_count(fd);
    if (send(fd, &request, sizeof request, 0) < 0)
        fail("send");
    uint64_t arrived = flood_count(fd, &seconds);
    if (arrived < 2)
        fail("no flood");
    print_flood(arrived, ask_count(fd), seconds);
    close(fd);
}

/* An answer is whole when its header and as many bytes as that tells have come. */
static void get(const struct sockaddr_in *address, uint64_t number)
{
    static const char request[] = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = connect_to(address, SOCK_STREAM);

    set_no_delay(fd);
    for (uint64_t i = 0; i < number; i++) {
        size_t got = 0, wanted = SIZE_MAX;

        if (!write_all(fd, request, sizeof request - 1))
            fail("request");
        while (got < wanted) {
            ssize_t more = read(fd, chunk + got, CHUNK_BYTES - 1 - got);
            if (more <= 0)
                fail("answer");
            got += (size_t)more;
            chunk[got] = 0;
            const char *end = strstr(chunk, "\r\n\r\n");
            const char *length = strcasestr(chunk, "content-length:");
            if (end && length)
                wanted = (size_t)(end + 4 - chunk) + strtoul(length + 15, NULL, 10);
        }
    }
    close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (argc == 2) {
        serve((uint16_t)atoi(argv[1]));
        return 0;
    }
    if (argc != 5 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fputs("stream: wrong usage\n", stderr);
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[2]));
    uint64_t number = strtoull(argv[4], NULL, 10);
    if (!strcmp(argv[3], "in"))
        ask_stream(&address, KIND_IN, number);
    else if (!strcmp(argv[3], "out"))
        ask_stream(&address, KIND_OUT, number);
    else if (!strcmp(argv[3], "echo"))
        ask_stream(&address, KIND_ECHO, number);
    else if (!strcmp(argv[3], "get"))
        get(&address, number);
    else if (!strcmp(argv[3], "flood-in"))
        flood_in(&address, number);
    else if (!strcmp(argv[3], "flood-out"))
        flood_out(&address, number);
    else
        send_datagrams(&address, number);
    return 0;
}
