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

/* The file of a transfer with a reference, or NULL and the error. */
static struct file *transfer_begin(int fd, bool writes, size_t bytes, ssize_t *error)
{
    struct file *file = fd_file(fd);
    int forbidden = writes ? O_RDONLY : O_WRONLY;

    *error = 0;
    if (!file || (file->flags & O_ACCMODE) == forbidden)
        *error = -EBADF;
    else if (bytes > SSIZE_MAX)
        *error = -EINVAL;
    if (!*error)
        return file;
    if (file)
        file_put(file);
    return NULL;
}

static ssize_t transfer_end(struct file *file, ssize_t result)
{
    if (file)
        file_put(file);
    return errno_result(result);
}

ssize_t read(int fd, void *data, size_t bytes)
{
    ssize_t result;
    struct file *file = transfer_begin(fd, false, bytes, &result);
    if (file && file->ops->read)
        result = file->ops->read(file, data, bytes);
    else if (file)
        result = file->ops->next_entry ? -EISDIR : -EINVAL;
    return transfer_end(file, result);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    ssize_t result;
    struct file *file = transfer_begin(fd, true, bytes, &result);
    if (file)
        result = file->ops->write ? file->ops->write(file, data, bytes) : -EINVAL;
    return transfer_end(file, result);
}

ssize_t pread(int fd, void *data, size_t bytes, off_t offset)
{
    ssize_t result;
    struct file *file = transfer_begin(fd, false, bytes, &result);
    if (file && !file->ops->pread)
        result = file->ops->next_entry ? -EISDIR : -ESPIPE;
    else if (file)
        result = offset < 0 ? -EINVAL : file->ops->pread(file, data, bytes, offset);
    return transfer_end(file, result);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    ssize_t result;
    struct file *file = transfer_begin(fd, true, bytes, &result);
    if (file && !file->ops->pwrite)
        result = -ESPIPE;
    else if (file)
        result = offset < 0 ? -EINVAL : file->ops->pwrite(file, data, bytes, offset);
    return transfer_end(file, result);
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
