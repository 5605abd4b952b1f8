/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Position-keeping over pread and pwrite. The position's lock is held across the transfer, so that
 * two threads that read from one descriptor get different bytes, as POSIX asks.
 */
#include "seekable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

ssize_t seekable_read(struct file *file, void *data, size_t bytes)
{
    struct file_position *position = file->data;

    mutex_lock(&position->lock);
    ssize_t count = file->ops->pread(file, data, bytes, position->offset);
    if (count > 0)
        position->offset += count;
    mutex_unlock(&position->lock);
    return count;
}

ssize_t seekable_write(struct file *file, const void *data, size_t bytes)
{
    struct file_position *position = file->data;
    struct stat status;
    ssize_t count;

    mutex_lock(&position->lock);
    if ((file->flags & O_APPEND) && (count = file->ops->stat(file, &status)) == 0)
        position->offset = status.st_size;
    count = file->ops->pwrite(file, data, bytes, position->offset);
    if (count > 0)
        position->offset += count;
    mutex_unlock(&position->lock);
    return count;
}

off_t seekable_lseek(struct file *file, off_t offset, int whence)
{
    struct file_position *position = file->data;
    struct stat status;
    off_t base = 0;
    off_t result;

    mutex_lock(&position->lock);
    if (whence == SEEK_CUR) {
        base = position->offset;
    } else if (whence == SEEK_END) {
        result = file->ops->stat(file, &status);
        if (result != 0)
            goto out;
        base = status.st_size;
    } else if (whence != SEEK_SET) {
        result = -EINVAL;
        goto out;
    }
    if (__builtin_add_overflow(base, offset, &result)) {
        result = -EOVERFLOW;
    } else if (result < 0) {
        result = -EINVAL;
    } else {
        position->offset = result;
    }
out:
    mutex_unlock(&position->lock);
    return result;
}

size_t bytes_below(uint64_t size, off_t offset, size_t bytes)
{
    if (offset < 0 || (uint64_t)offset >= size)
        return 0;
    uint64_t left = size - (uint64_t)offset;
    return bytes < left ? bytes : (size_t)left;
}
