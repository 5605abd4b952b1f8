/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening by path, and what works on an open file's attributes. Over the VFS. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "process.h"
#include "vfs.h"

static int open_path(const char *path, int flags, mode_t mode)
{
    struct file *file;
    int result = vfs_open(path, flags & ~O_CLOEXEC, mode_masked(mode), &file);
    if (result < 0)
        return result;
    int fd = fd_install(file, 0);
    if (fd < 0)
        file_put(file);
    else if (flags & O_CLOEXEC)
        fd_cloexec_set(fd, true);
    return fd;
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return (int)errno_result(open_path(path, flags, mode));
}

int creat(const char *path, mode_t mode)
{
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int ftruncate(int fd, off_t size)
{
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    int result = -EINVAL;
    if (size >= 0 && file->ops->truncate && (file->flags & O_ACCMODE) != O_RDONLY)
        result = file->ops->truncate(file, size);
    file_put(file);
    return (int)errno_result(result);
}

int fsync(int fd)
{
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    int result = file->ops->sync ? file->ops->sync(file) : -EINVAL;
    file_put(file);
    return (int)errno_result(result);
}

int fdatasync(int fd)
{
    return fsync(fd);
}
