/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 16M */
/* Descriptors: lowest first, dup and its relatives, flags, exhaustion, limits; none is left open.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static void duplicates(int fd)
{
    char byte;
    int copy = dup(fd);
    CHECK(copy == fd + 1 && lseek(fd, 3, SEEK_SET) == 3 && lseek(copy, 0, SEEK_CUR) == 3);
    CHECK(dup2(fd, 100) == 100 && read(100, &byte, 1) == 1 && byte == '3');
    CHECK(dup2(fd, fd) == fd && close(copy) == 0 && read(100, &byte, 1) == 1 && byte == '4');
    int other = open("/tmp/other", O_RDWR | O_CREAT, 0600);
    CHECK(other == copy && dup2(other, 100) == 100 && read(100, &byte, 1) == 0);
    CHECK(dup3(fd, 101, O_CLOEXEC) == 101 && fcntl(101, F_GETFD) == FD_CLOEXEC);
    CHECK_FAILS(dup3(fd, fd, 0), EINVAL);
    CHECK_FAILS(dup2(fd, 20000), EBADF);
    CHECK_FAILS(dup2(77, 5), EBADF);
    CHECK(fcntl(fd, F_DUPFD, 50) == 50 && fcntl(fd, F_DUPFD_CLOEXEC, 50) == 51);
    CHECK(fcntl(50, F_GETFD) == 0 && fcntl(51, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(50, F_SETFD, FD_CLOEXEC) == 0 && fcntl(50, F_GETFD) == FD_CLOEXEC);
    CHECK_FAILS(fcntl(fd, F_DUPFD, -1), EINVAL);
    CHECK_FAILS(fcntl(fd, 12345, 0), EINVAL);
    CHECK_FAILS(fcntl(99, F_GETFL), EBADF);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && (fcntl(51, F_GETFL) & O_NONBLOCK));
    struct flock lock = {.l_type = F_WRLCK};
    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && fcntl(fd, F_GETLK, &lock) == 0);
    CHECK(lock.l_type == F_UNLCK);
    int all[] = {50, 51, 100, 101, other};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        CHECK(close(all[i]) == 0);
    CHECK(unlink("/tmp/other") == 0);
}

static void exhaustion(int fd)
{
    struct rlimit limit = {64, 16384};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int next = fd;
    while ((next = dup(fd)) >= 0)
        CHECK(next < 64);
    CHECK(errno == EMFILE);
    CHECK_FAILS(open("/tmp/file", O_RDONLY), EMFILE);
    int both[2];
    CHECK_FAILS(pipe(both), EMFILE);
    CHECK(close(40) == 0);
    CHECK_FAILS(pipe(both), EMFILE);
    CHECK(dup(fd) == 40);
    for (int i = fd + 1; i < 64; i++)
        CHECK(close(i) == 0);

    limit.rlim_cur = 16384;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0 && sysconf(_SC_OPEN_MAX) == 16384);
    for (int i = fd + 1; i < 16384; i++)
        CHECK(dup(fd) == i);
    CHECK_FAILS(dup(fd), EMFILE);
    CHECK(close(9000) == 0 && close(5000) == 0 && dup(fd) == 5000 && dup(fd) == 9000);
    for (int i = fd + 1; i < 16384; i++)
        CHECK(close(i) == 0);
    limit.rlim_cur = 20000;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == -1);
}

int main(void)
{
    int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    CHECK(fd == 3 && write(fd, "0123456789", 10) == 10);
    duplicates(fd);
    exhaustion(fd);
    CHECK(close(fd) == 0 && unlink("/tmp/file") == 0);
    CHECK_FAILS(close(-1), EBADF);
    CHECK_FAILS(close(1 << 30), EBADF);
    /* The console's: closed, taken over by a file, and back. */
    int saved = dup(1);
    fd = open("/tmp/out", O_RDWR | O_CREAT, 0600);
    struct stat status;
    CHECK(saved == 3 && fd == 4 && dup2(fd, 1) == 1 && printf("to file\n") == 8);
    CHECK(fflush(stdout) == 0 && fstat(fd, &status) == 0 && status.st_size == 8);
    CHECK(dup2(saved, 1) == 1 && close(saved) == 0 && close(fd) == 0 && isatty(1));
    CHECK(unlink("/tmp/out") == 0);
    puts("ok");
    return 0;
}
