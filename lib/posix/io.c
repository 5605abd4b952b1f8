/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read, write, lseek, close and their nearest relatives: what every program links through stdio.
 * Each looks the descriptor up, checks what POSIX says of the file's kind, and asks its operations.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"

static bool file_readable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool file_writable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

ssize_t read(int fd, void *data, size_t bytes)
{
    struct file *file = fd_file(fd);
    if (!file)
        return errno_result(-EBADF);
    ssize_t result;
    if (!file_readable(file))
        result = -EBADF;
    else if (bytes > SSIZE_MAX)
        result = -EINVAL;
    else if (file->ops->read)
        result = file->ops->read(file, data, bytes);
    else
        result = file->ops->next_entry ? -EISDIR : -EINVAL;
    file_put(file);
    return errno_result(result);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    struct file *file = fd_file(fd);
    if (!file)
        return errno_result(-EBADF);
    ssize_t result;
    if (!file_writable(file))
        result = -EBADF;
    else if (bytes > SSIZE_MAX)
        result = -EINVAL;
    else if (file->ops->write)
        result = file->ops->write(file, data, bytes);
    else
        result = -EINVAL;
    file_put(file);
    return errno_result(result);
}

ssize_t pread(int fd, void *data, size_t bytes, off_t offset)
{
    struct file *file = fd_file(fd);
    if (!file)
        return errno_result(-EBADF);
    ssize_t result;
    if (!file_readable(file))
        result = -EBADF;
    else if (file->ops->next_entry)
        result = -EISDIR;
    else if (!file->ops->pread)
        result = -ESPIPE;
    else if (offset < 0 || bytes > SSIZE_MAX)
        result = -EINVAL;
    else
        result = file->ops->pread(file, data, bytes, offset);
    file_put(file);
    return errno_result(result);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    struct file *file = fd_file(fd);
    if (!file)
        return errno_result(-EBADF);
    ssize_t result;
    if (!file_writable(file))
        result = -EBADF;
    else if (!file->ops->pwrite)
        result = -ESPIPE;
    else if (offset < 0 || bytes > SSIZE_MAX)
        result = -EINVAL;
    else
        result = file->ops->pwrite(file, data, bytes, offset);
    file_put(file);
    return errno_result(result);
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct file *file = fd_file(fd);
    if (!file)
        return errno_result(-EBADF);
    off_t result = file->ops->lseek ? file->ops->lseek(file, offset, whence) : -ESPIPE;
    file_put(file);
    return errno_result(result);
}

int fstat(int fd, struct stat *status)
{
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    int result = 0;
    if (file->ops->stat)
        result = file->ops->stat(file, status);
    else
        *status = (struct stat){.st_mode = S_IFIFO | 0600, .st_nlink = 1, .st_blksize = 4096};
    file_put(file);
    return (int)errno_result(result);
}

int isatty(int fd)
{
    struct file *file = fd_file(fd);
    if (!file) {
        errno = EBADF;
        return 0;
    }
    bool terminal = file >= console_files && file < console_files + 3;
    file_put(file);
    if (!terminal)
        errno = ENOTTY;
    return terminal;
}

int close(int fd)
{
    return (int)errno_result(fd_close(fd));
}
