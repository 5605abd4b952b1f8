/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes: order, blocking both ways, ends that close, non-blocking ends, FIONREAD. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define BYTES 200000

static void *writer(void *argument)
{
    int fd = *(int *)argument;
    unsigned char chunk[777];
    for (unsigned sent = 0; sent < BYTES;) {
        unsigned count = BYTES - sent < sizeof chunk ? BYTES - sent : (unsigned)sizeof chunk;
        for (unsigned i = 0; i < count; i++)
            chunk[i] = (unsigned char)((sent + i) * 31 >> 3);
        CHECK(write(fd, chunk, count) == (ssize_t)count);
        sent += count;
    }
    CHECK(close(fd) == 0);
    return NULL;
}

static void through_threads(void)
{
    int fds[2];
    pthread_t thread;
    CHECK(pipe(fds) == 0 && pthread_create(&thread, NULL, writer, &fds[1]) == 0);
    unsigned char chunk[1000];
    unsigned got = 0;
    ssize_t count;
    while ((count = read(fds[0], chunk, sizeof chunk)) > 0)
        for (ssize_t i = 0; i < count; i++, got++)
            CHECK(chunk[i] == (unsigned char)(got * 31 >> 3));
    CHECK(count == 0 && got == BYTES);
    CHECK(pthread_join(thread, NULL) == 0 && close(fds[0]) == 0);
}

static void without_blocking(void)
{
    int fds[2], waiting;
    static char page[PIPE_BUF];
    CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0 && fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
    CHECK_FAILS(read(fds[0], page, 1), EAGAIN);
    unsigned pages = 0;
    while (write(fds[1], page, sizeof page) == sizeof page)
        pages++;
    CHECK(errno == EAGAIN && pages >= 4);
    CHECK(ioctl(fds[0], FIONREAD, &waiting) == 0 && waiting == (int)(pages * sizeof page));
    CHECK(read(fds[0], page, 100) == 100);
    CHECK_FAILS(write(fds[1], page, sizeof page), EAGAIN); /* all or nothing up to PIPE_BUF */
    CHECK(write(fds[1], page, 100) == 100);
    int off = 0;
    CHECK(ioctl(fds[0], FIONBIO, &off) == 0 && !(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
    CHECK(close(fds[0]) == 0);
    CHECK_FAILS(write(fds[1], page, 1), EPIPE);
    CHECK(close(fds[1]) == 0);
    CHECK_FAILS(pipe2(fds, 0x40000000), EINVAL);
}

int main(void)
{
    int fds[2];
    char text[8];
    CHECK(pipe(fds) == 0 && fds[0] == 3 && fds[1] == 4);
    struct stat status;
    CHECK(fstat(fds[0], &status) == 0 && S_ISFIFO(status.st_mode));
    CHECK(write(fds[1], "abc", 3) == 3 && write(fds[1], "de", 2) == 2);
    CHECK(read(fds[0], text, 4) == 4 && memcmp(text, "abcd", 4) == 0);
    CHECK(read(fds[0], text, 4) == 1 && text[0] == 'e' && read(fds[0], text, 0) == 0);
    CHECK_FAILS(lseek(fds[0], 0, SEEK_SET), ESPIPE);
    CHECK_FAILS(pread(fds[0], text, 1, 0), ESPIPE);
    CHECK_FAILS(write(fds[0], text, 1), EBADF);
    CHECK_FAILS(read(fds[1], text, 1), EBADF);
    CHECK(write(fds[1], "z", 1) == 1 && close(fds[1]) == 0);
    CHECK(read(fds[0], text, 4) == 1 && read(fds[0], text, 4) == 0 && close(fds[0]) == 0);
    through_threads();
    without_blocking();
    puts("ok");
    return 0;
}
