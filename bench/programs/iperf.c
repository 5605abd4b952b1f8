/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What iperf3 talks to, so that one well-known program measures Coracle and Linux from outside: on a
 * control connection the client says in JSON what it wants, then states are told in single bytes,
 * while a second connection carries the data; at the end both exchange what they have counted.
 * For bench/programs/stream.c, one client at a time; an ordinary POSIX program.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "iperf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COOKIE_BYTES 37u /* tells which test a connection belongs to, a NUL at its end */
#define WORDS_BYTES 4096u
#define CHUNK_BYTES 131072u /* what iperf3 itself reads and writes at once */
#define CHUNKS_MAX 16u      /* before the control connection is looked at again */

/* iperf3's states, as bytes of the control connection. */
enum state {
    TEST_START = 1,
    TEST_RUNNING = 2,
    TEST_END = 4,
    PARAM_EXCHANGE = 9,
    CREATE_STREAMS = 10,
    EXCHANGE_RESULTS = 13,
    DISPLAY_RESULTS = 14,
    IPERF_DONE = 16,
};

struct test {
    int control, data;
    bool reverse; /* the server sends */
    uint64_t bytes;
    double seconds;
    char cookie[COOKIE_BYTES];
    char words[WORDS_BYTES]; /* the client's JSON */
};

static char chunk[CHUNK_BYTES];

static double now_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool take(int fd, void *data, size_t bytes)
{
    for (size_t got = 0; got < bytes;) {
        ssize_t more = recv(fd, (char *)data + got, bytes - got, 0);
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

static bool give(int fd, const void *data, size_t bytes)
{
    for (size_t put = 0; put < bytes;) {
        ssize_t more = send(fd, (const char *)data + put, bytes - put, MSG_NOSIGNAL);
        if (more <= 0)
            return false;
        put += (size_t)more;
    }
    return true;
}

static bool tell(const struct test *test, enum state state)
{
    char byte = (char)state;

    return give(test->control, &byte, 1);
}

/* Text behind its length. */
static bool take_words(struct test *test)
{
    uint32_t bytes;

    if (!take(test->control, &bytes, sizeof bytes))
        return false;
    bytes = ntohl(bytes);
    if (bytes >= WORDS_BYTES || !take(test->control, test->words, bytes))
        return false;
    test->words[bytes] = 0;
    return true;
}

static bool give_words(const struct test *test, const char *words)
{
    uint32_t bytes = htonl((uint32_t)strlen(words));

    return give(test->control, &bytes, sizeof bytes) && give(test->control, words, strlen(words));
}

/* What the client has set this name to, 0 without it: its JSON is flat but for lists of names. */
static unsigned long asked(const struct test *test, const char *name)
{
    const char *at = strstr(test->words, name);

    if (!at)
        return 0;
    at += strlen(name);
    at += strspn(at, " \t\n:");
    return !strncmp(at, "true", 4) ? 1 : strtoul(at, NULL, 10);
}

/* Moves data until it would wait. False when the other side has closed. */
static bool move(struct test *test)
{
    for (unsigned i = 0; i < CHUNKS_MAX; i++) {
        ssize_t done = test->reverse
                           ? send(test->data, chunk, sizeof chunk, MSG_DONTWAIT | MSG_NOSIGNAL)
                           : recv(test->data, chunk, sizeof chunk, MSG_DONTWAIT);
        if (done <= 0)
            return done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        test->bytes += (uint64_t)done;
    }
    return true;
}

/* Until the client says that it is over. It may then wait for the rest of a block of data: so the data
 * end before anything else is told. */
static bool run(struct test *test)
{
    double begin = now_seconds();
    bool open = true;

    for (;;) {
        struct pollfd fds[] = {
            {.fd = test->control, .events = POLLIN},
            {.fd = open ? test->data : -1, .events = test->reverse ? POLLOUT : POLLIN}};
        char byte;

        if (poll(fds, 2, -1) < 0)
            return false;
        if (fds[1].revents)
            open = move(test);
        if (!fds[0].revents)
            continue;
        test->seconds = now_seconds() - begin;
        close(test->data);
        test->data = -1;
        return take(test->control, &byte, 1) && byte == TEST_END;
    }
}

static bool report(struct test *test)
{
    char words[512];
    char byte;

    if (!tell(test, EXCHANGE_RESULTS) || !take_words(test))
        return false;
    snprintf(words, sizeof words,
             "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
             "\"sender_has_retransmits\":%d,\"streams\":[{\"id\":1,\"bytes\":%llu,"
             "\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":0,\"start_time\":0,"
             "\"end_time\":%.6f}]}",
             test->reverse ? 0 : -1, (unsigned long long)test->bytes, test->seconds);
    return give_words(test, words) && tell(test, DISPLAY_RESULTS) &&
           take(test->control, &byte, 1) && byte == IPERF_DONE;
}

/* The connection for the data, which the client makes when told to. */
static bool open_stream(struct test *test, int listener)
{
    char cookie[COOKIE_BYTES];

    if (!tell(test, CREATE_STREAMS))
        return false;
    test->data = accept(listener, NULL, NULL);
    return test->data >= 0 && take(test->data, cookie, sizeof cookie) &&
           !memcmp(cookie, test->cookie, sizeof cookie);
}

static bool begin(struct test *test)
{
    int one = 1;

    setsockopt(test->control, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!take(test->control, test->cookie, sizeof test->cookie) || !tell(test, PARAM_EXCHANGE) ||
        !take_words(test))
        return false;
    test->reverse = asked(test, "\"reverse\"");
    return !asked(test, "\"udp\"") && !asked(test, "\"sctp\"") &&
           !asked(test, "\"bidirectional\"") && asked(test, "\"parallel\"") <= 1;
}

void iperf_serve(int listener)
{
    static struct test test;

    memset(&test, 0, sizeof test);
    test.data = -1;
    test.control = accept(listener, NULL, NULL);
    if (test.control < 0)
        return;
    if (begin(&test) && open_stream(&test, listener) && tell(&test, TEST_START) &&
        tell(&test, TEST_RUNNING) && run(&test))
        report(&test);
    if (test.data >= 0)
        close(test.data);
    close(test.control);
}
