/* SPDX-License-Identifier: BSD-2-Clause */
/* poll and select: readiness, hang-up, bad descriptors, time-outs, wake-ups from other threads. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *write_later(void *argument)
{
    usleep(20000);
    CHECK(write(*(int *)argument, "x", 1) == 1);
    return NULL;
}

static void polling(void)
{
    int fds[2];
    char byte;
    CHECK(pipe(fds) == 0);
    struct pollfd set[3] = {{fds[0], POLLIN, 0}, {fds[1], POLLOUT, 0}, {-5, POLLIN, 99}};
    CHECK(poll(set, 3, -1) == 1 && set[0].revents == 0 && set[1].revents == POLLOUT);
    CHECK(set[2].revents == 0);
    double begin = now();
    CHECK(poll(set, 1, 30) == 0 && now() - begin >= 0.03);
    struct timespec timeout = {0, 5000000};
    begin = now();
    CHECK(ppoll(set, 1, &timeout, NULL) == 0 && now() - begin >= 0.005);
    timeout.tv_nsec = 1000000000;
    CHECK_FAILS(ppoll(set, 1, &timeout, NULL), EINVAL);
    CHECK(poll(NULL, 0, 1) == 0);

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, write_later, &fds[1]) == 0);
    CHECK(poll(set, 1, -1) == 1 && set[0].revents == POLLIN && pthread_join(thread, NULL) == 0);
    CHECK(poll(set, 1, 0) == 1 && read(fds[0], &byte, 1) == 1 && poll(set, 1, 0) == 0);

    CHECK(close(fds[1]) == 0 && poll(set, 1, -1) == 1 && set[0].revents == POLLHUP);
    CHECK(poll(set, 2, -1) == 2 && set[1].revents == POLLNVAL);
    CHECK(close(fds[0]) == 0);
    int file = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    struct pollfd always = {file, POLLIN | POLLOUT, 0};
    CHECK(poll(&always, 1, -1) == 1 && always.revents == (POLLIN | POLLOUT));
    CHECK(close(file) == 0 && unlink("/tmp/file") == 0);

    CHECK(pipe(fds) == 0 && close(fds[0]) == 0);
    struct pollfd broken = {fds[1], POLLOUT, 0};
    CHECK(poll(&broken, 1, -1) == 1 && (broken.revents & POLLERR) && close(fds[1]) == 0);
}

static void many(void)
{
    enum { COUNT = 100 };
    int fds[COUNT][2];
    struct pollfd set[COUNT];
    for (int i = 0; i < COUNT; i++) {
        CHECK(pipe(fds[i]) == 0);
        set[i] = (struct pollfd){fds[i][0], POLLIN, 0};
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, write_later, &fds[73][1]) == 0);
    CHECK(poll(set, COUNT, -1) == 1 && set[73].revents == POLLIN);
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(close(fds[i][0]) == 0 && close(fds[i][1]) == 0);
}

static void selecting(void)
{
    int fds[2];
    char byte;
    fd_set reads, writes, exceptions;
    CHECK(pipe(fds) == 0);
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&exceptions);
    FD_SET(fds[0], &reads);
    FD_SET(fds[0], &exceptions);
    struct timeval timeout = {0, 20000};
    double begin = now();
    CHECK(select(fds[1] + 1, &reads, NULL, &exceptions, &timeout) == 0 && now() - begin >= 0.02);
    CHECK(!FD_ISSET(fds[0], &reads) && !FD_ISSET(fds[0], &exceptions));
    FD_SET(fds[0], &reads);
    FD_SET(fds[1], &writes);
    CHECK(write(fds[1], "y", 1) == 1 && select(fds[1] + 1, &reads, &writes, NULL, NULL) == 2);
    CHECK(FD_ISSET(fds[0], &reads) && FD_ISSET(fds[1], &writes) && read(fds[0], &byte, 1) == 1);
    CHECK(select(fds[1] + 1, &reads, &writes, NULL, NULL) == 1 && !FD_ISSET(fds[0], &reads));
    FD_SET(fds[0], &reads);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, write_later, &fds[1]) == 0);
    CHECK(select(fds[0] + 1, &reads, NULL, NULL, NULL) == 1 && pthread_join(thread, NULL) == 0);
    CHECK(read(fds[0], &byte, 1) == 1 && close(fds[1]) == 0);
    CHECK(select(fds[0] + 1, &reads, NULL, NULL, NULL) == 1 && close(fds[0]) == 0);
    CHECK_FAILS(select(fds[0] + 1, &reads, NULL, NULL, NULL), EBADF);
    CHECK_FAILS(select(-1, NULL, NULL, NULL, NULL), EINVAL);
    CHECK_FAILS(select(FD_SETSIZE + 1, NULL, NULL, NULL, NULL), EINVAL);
    struct timeval negative = {-1, 0};
    CHECK_FAILS(select(0, NULL, NULL, NULL, &negative), EINVAL);
}

int main(void)
{
    polling();
    many();
    selecting();
    puts("ok");
    return 0;
}
