/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readv, writev and their positioned relatives. A file without vector operations gets small writes
 * gathered into one (so that a datagram stays one) and large ones piece by piece.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "file.h"

#define GATHER_BYTES 2048u

/* The sum of all lengths, or -EINVAL. */
static ssize_t pieces_bytes(const struct iovec *pieces, int count)
{
    if (count <= 0 || count > IOV_MAX)
        return -EINVAL;
    size_t sum = 0;
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len > SSIZE_MAX - sum)
            return -EINVAL;
        sum += pieces[i].iov_len;
    }
    return (ssize_t)sum;
}

/* One transfer of a piece; offset -1 means the file's own position. */
typedef ssize_t transfer(int fd, const struct iovec *piece, off_t offset);

static ssize_t piece_read(int fd, const struct iovec *piece, off_t offset)
{
    return offset < 0 ? read(fd, piece->iov_base, piece->iov_len)
                      : pread(fd, piece->iov_base, piece->iov_len, offset);
}

static ssize_t piece_write(int fd, const struct iovec *piece, off_t offset)
{
    return offset < 0 ? write(fd, piece->iov_base, piece->iov_len)
                      : pwrite(fd, piece->iov_base, piece->iov_len, offset);
}

/* Piece by piece until one comes out short; an error counts only before the first byte. */
static ssize_t transfer_each(int fd, const struct iovec *pieces, int count, off_t offset,
                             transfer *one)
{
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len == 0 && i + 1 < count)
            continue;
        ssize_t done = one(fd, &pieces[i], offset < 0 ? -1 : offset + sum);
        if (done < 0)
            return sum > 0 ? sum : -1;
        sum += done;
        if ((size_t)done < pieces[i].iov_len)
            break;
    }
    return sum;
}

static ssize_t write_gathered(int fd, const struct iovec *pieces, int count)
{
    char buffer[GATHER_BYTES];
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        memcpy(buffer + bytes, pieces[i].iov_base, pieces[i].iov_len);
        bytes += pieces[i].iov_len;
    }
    return write(fd, buffer, bytes);
}

ssize_t readv(int fd, const struct iovec *pieces, int count)
{
    ssize_t bytes = pieces_bytes(pieces, count);
    if (bytes < 0)
        return errno_result(bytes);
    struct file *file = fd_file(fd);
    if (!file)
        return errno_result(-EBADF);
    ssize_t result;
    if (file->ops->readv)
        result = errno_result(file->ops->readv(file, pieces, count));
    else
        result = transfer_each(fd, pieces, count, -1, piece_read);
    file_put(file);
    return result;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    ssize_t bytes = pieces_bytes(pieces, count);
    if (bytes < 0)
        return errno_result(bytes);
    struct file *file = fd_file(fd);
    if (!file)
        return errno_result(-EBADF);
    ssize_t result;
    if (file->ops->writev)
        result = errno_result(file->ops->writev(file, pieces, count));
    else if (count > 1 && (size_t)bytes <= GATHER_BYTES)
        result = write_gathered(fd, pieces, count);
    else
        result = transfer_each(fd, pieces, count, -1, piece_write);
    file_put(file);
    return result;
}

static ssize_t transfer_at(int fd, const struct iovec *pieces, int count, off_t offset,
                           transfer *one)
{
    ssize_t bytes = pieces_bytes(pieces, count);
    if (bytes >= 0 && offset < 0)
        bytes = -EINVAL;
    if (bytes < 0)
        return errno_result(bytes);
    return transfer_each(fd, pieces, count, offset, one);
}

ssize_t preadv(int fd, const struct iovec *pieces, int count, off_t offset)
{
    return transfer_at(fd, pieces, count, offset, piece_read);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    return transfer_at(fd, pieces, count, offset, piece_write);
}
