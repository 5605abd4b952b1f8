/* SPDX-License-Identifier: BSD-2-Clause */
/* Files at /tmp: open flags, positions, sparse ends, truncation, times, links, names, errors. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

static void contents(void)
{
    char text[32];
    int fd = open("/tmp/file", O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK(fd == 3);
    CHECK_FAILS(open("/tmp/file", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
    CHECK(write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(lseek(fd, -4, SEEK_END) == 6 && read(fd, text, sizeof text) == 4);
    CHECK(memcmp(text, "6789", 4) == 0 && read(fd, text, sizeof text) == 0);
    CHECK(pread(fd, text, 3, 2) == 3 && memcmp(text, "234", 3) == 0);
    CHECK(pwrite(fd, "ab", 2, 3) == 2 && lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(pread(fd, text, 10, 0) == 10 && memcmp(text, "012ab56789", 10) == 0);
    CHECK_FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_FAILS(lseek(fd, 0, 77), EINVAL);
    CHECK_FAILS(pread(fd, text, 1, -1), EINVAL);

    CHECK(lseek(fd, 5000, SEEK_SET) == 5000 && write(fd, "end", 3) == 3);
    struct stat status;
    CHECK(fstat(fd, &status) == 0 && status.st_size == 5003 && S_ISREG(status.st_mode));
    CHECK((status.st_mode & 0777) == 0640 && status.st_nlink == 1);
    CHECK(pread(fd, text, 4, 4998) == 4 && memcmp(text, "\0\0en", 4) == 0);
    CHECK(ftruncate(fd, 4) == 0 && fstat(fd, &status) == 0 && status.st_size == 4);
    CHECK(ftruncate(fd, 8) == 0 && pread(fd, text, 9, 0) == 8);
    CHECK(memcmp(text, "012a\0\0\0\0", 8) == 0);
    CHECK_FAILS(ftruncate(fd, -1), EINVAL);
    CHECK(fsync(fd) == 0 && close(fd) == 0);
    CHECK_FAILS(close(fd), EBADF);
    CHECK_FAILS(read(fd, text, 1), EBADF);
}

static void modes(void)
{
    char text[32];
    int fd = open("/tmp/file", O_WRONLY | O_APPEND);
    CHECK(fd >= 0 && write(fd, "xy", 2) == 2 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(write(fd, "z", 1) == 1);
    CHECK_FAILS(read(fd, text, 1), EBADF);
    CHECK(close(fd) == 0);
    fd = open("/tmp/file", O_RDONLY);
    CHECK(read(fd, text, sizeof text) == 11 && memcmp(text + 8, "xyz", 3) == 0);
    CHECK_FAILS(write(fd, "x", 1), EBADF);
    CHECK_FAILS(ftruncate(fd, 0), EINVAL);
    CHECK(close(fd) == 0);
    fd = open("/tmp/file", O_RDWR | O_TRUNC);
    struct stat status;
    CHECK(fstat(fd, &status) == 0 && status.st_size == 0 && close(fd) == 0);
    CHECK_FAILS(open("/tmp/none", O_RDONLY), ENOENT);
    CHECK_FAILS(open("/tmp/file/below", O_RDONLY), ENOTDIR);
    CHECK_FAILS(open("/tmp", O_WRONLY), EISDIR);
    CHECK_FAILS(open("/tmp/file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_FAILS(open("", O_RDONLY), ENOENT);
    char longest[NAME_MAX + 20];
    memset(longest, 'n', sizeof longest);
    memcpy(longest, "/tmp/", 5);
    longest[sizeof longest - 1] = '\0';
    CHECK_FAILS(open(longest, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
}

static void vectors(void)
{
    char first[4], second[8];
    int fd = open("/tmp/file", O_RDWR | O_TRUNC);
    struct iovec out[3] = {
        {(void *)(uintptr_t) "abc", 3}, {NULL, 0}, {(void *)(uintptr_t) "defgh", 5}};
    struct iovec in[2] = {{first, 4}, {second, 8}};
    CHECK(writev(fd, out, 3) == 8 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(readv(fd, in, 2) == 8 && memcmp(first, "abcd", 4) == 0 && memcmp(second, "efgh", 4) == 0);
    CHECK(pwritev(fd, out, 1, 6) == 3 && preadv(fd, in, 2, 5) == 4);
    CHECK(memcmp(first, "fabc", 4) == 0);
    CHECK_FAILS(writev(fd, out, 0), EINVAL);
    CHECK_FAILS(readv(99, in, 2), EBADF);
    CHECK(close(fd) == 0);
}

static void names(void)
{
    struct stat status, other;
    char text[64];
    CHECK(link("/tmp/file", "/tmp/hard") == 0 && stat("/tmp/hard", &status) == 0);
    CHECK(status.st_nlink == 2 && stat("/tmp/file", &other) == 0 && status.st_ino == other.st_ino);
    CHECK_FAILS(link("/tmp/file", "/tmp/hard"), EEXIST);
    CHECK(symlink("hard", "/tmp/soft") == 0 && lstat("/tmp/soft", &status) == 0);
    CHECK(S_ISLNK(status.st_mode) && readlink("/tmp/soft", text, sizeof text) == 4);
    CHECK(memcmp(text, "hard", 4) == 0 && stat("/tmp/soft", &status) == 0);
    CHECK(status.st_ino == other.st_ino);
    CHECK_FAILS(readlink("/tmp/file", text, sizeof text), EINVAL);
    CHECK(symlink("loop", "/tmp/loop") == 0);
    CHECK_FAILS(open("/tmp/loop", O_RDONLY), ELOOP);
    CHECK(realpath("/tmp/../tmp//soft", text) == text && strcmp(text, "/tmp/hard") == 0);
    CHECK(!realpath("/tmp/none", text) && errno == ENOENT);
    CHECK(rename("/tmp/hard", "/tmp/moved") == 0);
    CHECK_FAILS(stat("/tmp/hard", &status), ENOENT);
    CHECK_FAILS(rename("/tmp/none", "/tmp/other"), ENOENT);
    CHECK(access("/tmp/moved", R_OK | W_OK) == 0);
    CHECK_FAILS(access("/tmp/none", F_OK), ENOENT);
    CHECK(chmod("/tmp/moved", 0600) == 0 && stat("/tmp/file", &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    struct timeval times[2] = {{1000, 500000}, {2000, 0}};
    CHECK(utimes("/tmp/moved", times) == 0 && stat("/tmp/file", &status) == 0);
    CHECK(status.st_atim.tv_sec == 1000 && status.st_atim.tv_nsec == 500000000);
    CHECK(status.st_mtim.tv_sec == 2000 && truncate("/tmp/file", 2) == 0);
    CHECK(stat("/tmp/moved", &status) == 0 && status.st_size == 2 && status.st_mtim.tv_sec != 2000);

    /* An open file outlives its name. */
    int fd = open("/tmp/moved", O_RDWR);
    CHECK(unlink("/tmp/moved") == 0 && unlink("/tmp/file") == 0);
    CHECK(pwrite(fd, "still", 5, 0) == 5 && pread(fd, text, 5, 0) == 5 && close(fd) == 0);
    CHECK(unlink("/tmp/soft") == 0 && unlink("/tmp/loop") == 0);
    CHECK_FAILS(unlink("/tmp/soft"), ENOENT);
}

int main(void)
{
    umask(0);
    contents();
    modes();
    vectors();
    names();
    puts("ok");
    return 0;
}
