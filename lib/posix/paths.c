/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that take paths: the VFS's functions with POSIX's way of reporting errors. */
#include <errno.h>
#include <limits.h>
#include <reent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "file.h"
#include "process.h"
#include "vfs.h"

int stat(const char *restrict path, struct stat *restrict status)
{
    return (int)errno_result(vfs_stat(path, status));
}

int lstat(const char *restrict path, struct stat *restrict status)
{
    return (int)errno_result(vfs_lstat(path, status));
}

int access(const char *path, int mode)
{
    return (int)errno_result(vfs_access(path, mode));
}

int mkdir(const char *path, mode_t mode)
{
    return (int)errno_result(vfs_mkdir(path, mode_masked(mode)));
}

int rmdir(const char *path)
{
    return (int)errno_result(vfs_rmdir(path));
}

int unlink(const char *path)
{
    return (int)errno_result(vfs_unlink(path));
}

/* C's remove: directories too. */
int remove(const char *path)
{
    int result = vfs_unlink(path);
    if (result == -EISDIR || result == -EPERM)
        result = vfs_rmdir(path);
    return (int)errno_result(result);
}

/* libc.a's tmpfile asks by this name. */
int _remove_r(struct _reent *reent, const char *path)
{
    (void)reent;
    return remove(path);
}

int rename(const char *from, const char *to)
{
    return (int)errno_result(vfs_rename(from, to));
}

int link(const char *from, const char *to)
{
    return (int)errno_result(vfs_link(from, to));
}

int symlink(const char *target, const char *path)
{
    return (int)errno_result(vfs_symlink(target, path));
}

ssize_t readlink(const char *restrict path, char *restrict target, size_t bytes)
{
    return errno_result(vfs_readlink(path, target, bytes));
}

int truncate(const char *path, off_t size)
{
    return (int)errno_result(size < 0 ? -EINVAL : vfs_truncate(path, size));
}

int chmod(const char *path, mode_t mode)
{
    return (int)errno_result(vfs_chmod(path, mode & 07777));
}

/* Everything belongs to user and group 0, and (id_t)-1 means no change. */
int chown(const char *path, uid_t owner, gid_t group)
{
    struct stat status;
    int result = vfs_stat(path, &status);
    if (result == 0 && ((owner != 0 && owner != (uid_t)-1) || (group != 0 && group != (gid_t)-1)))
        result = -EINVAL;
    return (int)errno_result(result);
}

int chdir(const char *path)
{
    return (int)errno_result(vfs_chdir(path));
}

/* With a NULL buffer the path is allocated, as everywhere. */
char *getcwd(char *path, size_t bytes)
{
    char *buffer = path;
    if (!path) {
        bytes = bytes ? bytes : PATH_MAX;
        buffer = malloc(bytes);
        if (!buffer)
            return NULL;
    }
    int result = bytes == 0 ? -EINVAL : vfs_getcwd(buffer, bytes);
    if (result >= 0)
        return buffer;
    if (!path)
        free(buffer);
    errno = -result;
    return NULL;
}

int utimes(const char *path, const struct timeval times[2])
{
    struct timespec precise[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    for (int i = 0; times && i < 2; i++) {
        if (times[i].tv_usec < 0 || times[i].tv_usec >= 1000000)
            return (int)errno_result(-EINVAL);
        precise[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    }
    return (int)errno_result(vfs_utimens(path, precise));
}

int utime(const char *path, const struct utimbuf *times)
{
    struct timespec precise[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    if (times) {
        precise[0] = (struct timespec){.tv_sec = times->actime};
        precise[1] = (struct timespec){.tv_sec = times->modtime};
    }
    return (int)errno_result(vfs_utimens(path, precise));
}
