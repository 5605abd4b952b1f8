/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 3M */
/* Who cannot send all he has because memory is short waits for his turn, once his peer has acknowledged
 * what was sent: then there is room for much. If memory does not become free, he goes on with little. */
#include "net_test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define HOARDERS 40
#define FIRST 12    /* of them: more than fill the memory */
#define LITTLE 3000 /* more than two segments of Ethernet's, over which the loopback's are cut */
#define MUCH 60000

static int hoarders[HOARDERS][2];
static char data[MUCH];
static long long begin_ms; /* of what a busy host may spoil */

static long long now_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* What waits at a socket. */
static size_t take_all(int fd)
{
    size_t total = 0;
    for (ssize_t count; (count = recv(fd, data, sizeof data, MSG_DONTWAIT)) > 0;)
        total += (size_t)count;
    return total;
}

static bool writable(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    CHECK(poll(&poll_fd, 1, wait_ms) >= 0);
    return poll_fd.revents & POLLOUT;
}

static size_t send_much(int fd)
{
    ssize_t count = send(fd, data, MUCH, MSG_DONTWAIT);
    CHECK(count > 0 || errno == EAGAIN);
    return count > 0 ? (size_t)count : 0;
}

static void receive_all(int fd, size_t bytes)
{
    while (bytes)
        bytes -= take_all(fd);
}

/* Some of them fill the memory, the others wait. */
static void hoard(int from, int to)
{
    for (int i = from; i < to; i++)
        send_much(hoarders[i][0]);
}

static void open_hoarders(void)
{
    for (int i = 0; i < HOARDERS; i++)
        pair4(hoarders[i]);
}

static void read_hoards(void)
{
    for (int i = 0; i < HOARDERS; i++)
        take_all(hoarders[i][1]);
}

static void close_hoarders(void)
{
    for (int i = 0; i < HOARDERS; i++)
        CHECK(close(hoarders[i][0]) == 0 && close(hoarders[i][1]) == 0);
}

/* Sends as much as goes, which the peer reads: nothing of it is in the way of more. */
static size_t send_and_read(const int ends[2])
{
    size_t sent = send_much(ends[0]);
    receive_all(ends[1], sent);
    return sent;
}

static bool send_little(const int ends[2])
{
    size_t sent = send_and_read(ends);
    CHECK(sent > 0);
    return sent <= LITTLE;
}

/* Others wait before and behind. Who had his turn stands back for these. */
static bool turn_comes(const int ends[2])
{
    hoard(0, FIRST);
    bool right = send_little(ends);
    hoard(FIRST, HOARDERS);
    right = right && !writable(ends[0], 0);
    read_hoards();
    CHECK(writable(ends[0], 5000));
    right = right && send_and_read(ends) > LITTLE;
    return right && send_little(ends);
}

static bool queue_is_given_up(const int ends[2])
{
    hoard(0, HOARDERS);
    if (!send_little(ends) || writable(ends[0], 0))
        return false;
    CHECK(writable(ends[0], 5000));
    begin_ms = now_ms();
    return send_little(ends) && writable(ends[0], 0); /* for a while nobody waits for others */
}

/* Whoever waits and is closed is forgotten, whatever comes to lie in its memory. */
static bool waiting_ends(const int ends[2])
{
    hoard(0, HOARDERS);
    bool right = send_little(ends) && !writable(ends[0], 0);
    close_hoarders();
    for (size_t bytes = 64; bytes < 1024; bytes += 16)
        for (int i = 0; i < 10; i++) {
            void *block = malloc(bytes);
            CHECK(block);
            memset(block, 0xff, bytes);
        }
    CHECK(writable(ends[0], 5000));
    CHECK(send_and_read(ends) > LITTLE);
    open_hoarders();
    return right;
}

/* The queue is given up after 200 ms in which it does not move: a busy host may let these pass. */
static void try(bool (*scene)(const int ends[2]), const int ends[2])
{
    for (int patience = 20;; patience--) {
        open_hoarders();
        begin_ms = now_ms();
        bool right = scene(ends);
        long long took_ms = now_ms() - begin_ms;
        close_hoarders();
        sleep(2); /* if it was given up, that is over */
        if (right)
            return;
        CHECK(took_ms >= 150 && patience > 0);
    }
}

int main(void)
{
    int ends[2];

    pair4(ends);
    try(turn_comes, ends);
    try(queue_is_given_up, ends);
    try(waiting_ends, ends);
    puts("ok");
    return 0;
}
