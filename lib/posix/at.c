/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The *at functions for absolute paths and for paths from the working directory. Paths relative to
 * an open directory are not supported: ENOSYS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "vfs.h"

/* 0 when a path means the same without the descriptor. */
static int check_base(int fd, const char *path)
{
    if (fd == AT_FDCWD || path[0] == '/')
        return 0;
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    bool is_directory = file->ops->next_entry;
    file_put(file);
    return (int)errno_result(is_directory ? -ENOSYS : -ENOTDIR);
}

int openat(int fd, const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return check_base(fd, path) < 0 ? -1 : open(path, flags, mode);
}

int fstatat(int fd, const char *restrict path, struct stat *restrict status, int flags)
{
    if (check_base(fd, path) < 0)
        return -1;
    return flags & AT_SYMLINK_NOFOLLOW ? lstat(path, status) : stat(path, status);
}

int faccessat(int fd, const char *path, int mode, int flags)
{
    (void)flags;
    return check_base(fd, path) < 0 ? -1 : access(path, mode);
}

int mkdirat(int fd, const char *path, mode_t mode)
{
    return check_base(fd, path) < 0 ? -1 : mkdir(path, mode);
}

int unlinkat(int fd, const char *path, int flags)
{
    if (check_base(fd, path) < 0)
        return -1;
    return flags & AT_REMOVEDIR ? rmdir(path) : unlink(path);
}

int fchmodat(int fd, const char *path, mode_t mode, int flags)
{
    (void)flags;
    return check_base(fd, path) < 0 ? -1 : chmod(path, mode);
}

ssize_t readlinkat(int fd, const char *restrict path, char *restrict target, size_t bytes)
{
    return check_base(fd, path) < 0 ? -1 : readlink(path, target, bytes);
}

int symlinkat(const char *target, int fd, const char *path)
{
    return check_base(fd, path) < 0 ? -1 : symlink(target, path);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return check_base(from_fd, from) < 0 || check_base(to_fd, to) < 0 ? -1 : rename(from, to);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    (void)flags;
    return check_base(from_fd, from) < 0 || check_base(to_fd, to) < 0 ? -1 : link(from, to);
}

int utimensat(int fd, const char *path, const struct timespec times[2], int flags)
{
    static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    (void)flags;
    if (check_base(fd, path) < 0)
        return -1;
    return (int)errno_result(vfs_utimens(path, times ? times : now));
}
