/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll over sockets: both ends of a pair in one instance, peers that shut down and close,
 * descriptors that are closed while another thread waits. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

static uint32_t events_of(int epoll, int fd)
{
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, 8, 0);
    for (int i = 0; i < count; i++)
        if (events[i].data.fd == fd)
            return events[i].events;
    return 0;
}

static void add(int epoll, int fd, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.fd = fd};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void ends(void)
{
    int pair[2], epoll = epoll_create1(0);
    char text[16];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    add(epoll, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    add(epoll, pair[1], EPOLLIN);
    CHECK(events_of(epoll, pair[0]) == EPOLLOUT && events_of(epoll, pair[0]) == 0);
    struct iovec pieces[2] = {{(void *)(uintptr_t) "ab", 2}, {(void *)(uintptr_t) "cde", 3}};
    CHECK(writev(pair[0], pieces, 2) == 5 && events_of(epoll, pair[1]) == EPOLLIN);
    CHECK(read(pair[1], text, sizeof text) == 5 && memcmp(text, "abcde", 5) == 0);
    CHECK(events_of(epoll, pair[1]) == 0 && write(pair[1], "x", 1) == 1);
    CHECK(events_of(epoll, pair[0]) & EPOLLIN);
    CHECK(read(pair[0], text, sizeof text) == 1 && shutdown(pair[1], SHUT_WR) == 0);
    uint32_t events = events_of(epoll, pair[0]);
    CHECK((events & (EPOLLIN | EPOLLRDHUP)) == (EPOLLIN | EPOLLRDHUP) && !(events & EPOLLHUP));
    CHECK(close(pair[1]) == 0 && (events_of(epoll, pair[0]) & EPOLLHUP));
    CHECK(read(pair[0], text, sizeof text) == 0 && close(pair[0]) == 0);
    CHECK(epoll_wait(epoll, (struct epoll_event[1]){0}, 1, 0) == 0 && close(epoll) == 0);
}

static void *wait_one(void *argument)
{
    struct epoll_event event;
    CHECK(epoll_wait(*(int *)argument, &event, 1, -1) == 1);
    return (void *)(long)event.data.fd;
}

static void closed_while_waiting(void)
{
    int gone[2], kept[2], epoll = epoll_create1(0);
    pthread_t thread;
    void *result;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, gone) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, kept) == 0);
    add(epoll, gone[0], EPOLLIN);
    add(epoll, kept[0], EPOLLIN);
    CHECK(pthread_create(&thread, NULL, wait_one, &epoll) == 0);
    usleep(5000);
    CHECK(close(gone[0]) == 0);
    usleep(5000);
    CHECK(write(kept[1], "x", 1) == 1 && pthread_join(thread, &result) == 0);
    CHECK((long)result == kept[0]);
    CHECK(close(gone[1]) == 0 && close(kept[0]) == 0 && close(kept[1]) == 0 && close(epoll) == 0);
    CHECK(dup(0) == 3 && close(3) == 0);
}

int main(void)
{
    ends();
    closed_while_waiting();
    puts("ok");
    return 0;
}
