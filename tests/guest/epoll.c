/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll and eventfd: level, edge and one-shot, changes, closed files, nesting, wake-ups. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"

static int add(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int change(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

static void counters(void)
{
    uint64_t value;
    int fd = eventfd(3, EFD_NONBLOCK);
    CHECK(fd == 3 && eventfd_write(fd, 4) == 0 && eventfd_read(fd, &value) == 0 && value == 7);
    CHECK_FAILS(eventfd_read(fd, &value), EAGAIN);
    CHECK(eventfd_write(fd, UINT64_MAX - 1) == 0);
    CHECK_FAILS(eventfd_write(fd, 1), EAGAIN);
    CHECK_FAILS(eventfd_write(fd, UINT64_MAX), EINVAL);
    CHECK_FAILS(read(fd, &value, 4), EINVAL);
    CHECK(close(fd) == 0);
    fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(eventfd_read(fd, &value) == 0 && value == 1 && eventfd_read(fd, &value) == 0);
    CHECK_FAILS(eventfd_read(fd, &value), EAGAIN);
    CHECK(close(fd) == 0);
}

static void triggers(void)
{
    struct epoll_event events[4];
    uint64_t value;
    int epoll = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(0, EFD_NONBLOCK);
    CHECK(epoll == 3 && fd == 4 && add(epoll, fd, EPOLLIN) == 0);
    CHECK_FAILS(add(epoll, fd, EPOLLIN), EEXIST);
    CHECK(epoll_wait(epoll, events, 4, 0) == 0 && epoll_wait(epoll, events, 4, 10) == 0);
    CHECK(eventfd_write(fd, 1) == 0);
    for (int i = 0; i < 3; i++) /* level: as long as it holds */
        CHECK(epoll_wait(epoll, events, 4, -1) == 1 && events[0].data.fd == fd);
    CHECK(events[0].events == EPOLLIN && eventfd_read(fd, &value) == 0);
    CHECK(epoll_wait(epoll, events, 4, 0) == 0);

    CHECK(change(epoll, fd, EPOLLIN | EPOLLET) == 0 && eventfd_write(fd, 1) == 0);
    CHECK(epoll_wait(epoll, events, 4, -1) == 1 && epoll_wait(epoll, events, 4, 0) == 0);
    CHECK(eventfd_write(fd, 1) == 0 && epoll_wait(epoll, events, 4, 0) == 1);

    CHECK(change(epoll, fd, EPOLLIN | EPOLLONESHOT) == 0);
    CHECK(epoll_wait(epoll, events, 4, -1) == 1 && eventfd_write(fd, 1) == 0);
    CHECK(epoll_wait(epoll, events, 4, 0) == 0);
    CHECK(change(epoll, fd, EPOLLOUT) == 0 && epoll_wait(epoll, events, 4, -1) == 1);
    CHECK(events[0].events == EPOLLOUT);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0 && epoll_wait(epoll, events, 4, 0) == 0);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), ENOENT);
    CHECK_FAILS(change(epoll, fd, EPOLLIN), ENOENT);

    /* A file that is closed leaves by itself; one that lives on in a copy stays. */
    CHECK(add(epoll, fd, EPOLLOUT) == 0 && close(fd) == 0);
    CHECK(epoll_wait(epoll, events, 4, 0) == 0);
    fd = eventfd(1, 0);
    int copy = dup(fd);
    CHECK(add(epoll, fd, EPOLLIN) == 0 && close(fd) == 0);
    CHECK(epoll_wait(epoll, events, 4, 0) == 1 && close(copy) == 0);
    CHECK(epoll_wait(epoll, events, 4, 0) == 0 && close(epoll) == 0);
}

static void errors(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(0);
    CHECK_FAILS(epoll_create1(1), EINVAL);
    CHECK_FAILS(epoll_create(0), EINVAL);
    CHECK_FAILS(add(epoll, epoll, EPOLLIN), EINVAL);
    CHECK_FAILS(add(epoll, 99, EPOLLIN), EBADF);
    CHECK_FAILS(add(99, 1, EPOLLIN), EBADF);
    CHECK_FAILS(add(1, epoll, EPOLLIN), EINVAL);
    CHECK_FAILS(epoll_wait(epoll, &event, 0, 0), EINVAL);
    CHECK_FAILS(epoll_wait(1, &event, 1, 0), EINVAL);
    int file = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    CHECK_FAILS(add(epoll, file, EPOLLIN), EPERM);
    CHECK(close(file) == 0 && unlink("/tmp/file") == 0 && close(epoll) == 0);
}

/* An instance may watch another one, but not in a ring, and not at any depth. */
static void rings(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    uint64_t one = 1;
    int fds[8], counter = eventfd(0, 0);
    for (int i = 0; i < 8; i++)
        CHECK((fds[i] = epoll_create1(0)) >= 0);
    CHECK(epoll_ctl(fds[0], EPOLL_CTL_ADD, fds[1], &event) == 0);
    CHECK(epoll_ctl(fds[1], EPOLL_CTL_ADD, fds[2], &event) == 0);
    CHECK(epoll_ctl(fds[2], EPOLL_CTL_ADD, counter, &event) == 0);
    CHECK_FAILS(epoll_ctl(fds[1], EPOLL_CTL_ADD, fds[0], &event), ELOOP);
    CHECK_FAILS(epoll_ctl(fds[2], EPOLL_CTL_ADD, fds[0], &event), ELOOP);
    CHECK(write(counter, &one, sizeof one) == sizeof one);
    CHECK(epoll_wait(fds[0], &event, 1, 0) == 1);
    int depth = 3;
    while (depth < 8 &&
           epoll_ctl(fds[depth], EPOLL_CTL_ADD, fds[depth == 3 ? 0 : depth - 1], &event) == 0)
        depth++;
    CHECK(depth > 3 && depth < 8 && errno == ELOOP);
    for (int i = 0; i < 8; i++)
        CHECK(close(fds[i]) == 0);
    CHECK(close(counter) == 0);
}

static void fairness(void)
{
    enum { COUNT = 300 };
    struct epoll_event events[7];
    static int fds[COUNT], seen[COUNT + 1000];
    int epoll = epoll_create1(0);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = eventfd(1, 0);
        CHECK(fds[i] > 0 && add(epoll, fds[i], EPOLLIN) == 0);
    }
    for (int got = 0; got < COUNT;) { /* a few at a time, everyone in turn */
        int count = epoll_wait(epoll, events, 7, -1);
        CHECK(count > 0 && count <= 7);
        for (int i = 0; i < count && got < COUNT; i++, got++)
            CHECK(seen[events[i].data.fd]++ == 0);
    }
    int outer = epoll_create1(0);
    CHECK(add(outer, epoll, EPOLLIN) == 0 && epoll_wait(outer, events, 7, -1) == 1);
    for (int i = 0; i < COUNT; i++)
        CHECK(close(fds[i]) == 0);
    CHECK(epoll_wait(outer, events, 7, 0) == 0 && close(outer) == 0 && close(epoll) == 0);
}

static void *ping(void *argument)
{
    for (int i = 0; i < 1000; i++)
        CHECK(eventfd_write(*(int *)argument, 1) == 0);
    return NULL;
}

static void across_threads(void)
{
    struct epoll_event event;
    uint64_t value, sum = 0;
    int epoll = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
    pthread_t thread;
    CHECK(add(epoll, fd, EPOLLIN | EPOLLET) == 0);
    CHECK(pthread_create(&thread, NULL, ping, &fd) == 0);
    while (sum < 1000) {
        CHECK(epoll_wait(epoll, &event, 1, -1) == 1);
        while (eventfd_read(fd, &value) == 0)
            sum += value;
    }
    CHECK(sum == 1000 && pthread_join(thread, NULL) == 0 && close(fd) == 0 && close(epoll) == 0);
}

int main(void)
{
    counters();
    triggers();
    rings();
    errors();
    fairness();
    across_threads();
    puts("ok");
    return 0;
}
