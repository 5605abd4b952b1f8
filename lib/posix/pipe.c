/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes: a ring of 16 KiB between two files. A write of at most PIPE_BUF bytes goes in whole.
 * Writing without a reader gives EPIPE; SIGPIPE is not sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "blocking.h"
#include "fd.h"
#include "kernel/page.h"

#define RING_PAGES 4u
#define RING_BYTES (RING_PAGES * PAGE_BYTES)

struct pipe {
    struct mutex lock;
    char *ring;
    size_t start, filled;         /* start < RING_BYTES */
    struct file *reader, *writer; /* NULL once closed */
};

static void wake(struct file *file)
{
    if (file)
        waitq_wake(&file->ready, UINT32_MAX);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t ring_take(struct pipe *pipe, char *data, size_t bytes)
{
    bytes = least(bytes, pipe->filled);
    size_t straight = least(bytes, RING_BYTES - pipe->start);
    memcpy(data, pipe->ring + pipe->start, straight);
    memcpy(data + straight, pipe->ring, bytes - straight);
    pipe->start = (pipe->start + bytes) % RING_BYTES;
    pipe->filled -= bytes;
    return bytes;
}

static size_t ring_put(struct pipe *pipe, const char *data, size_t bytes)
{
    bytes = least(bytes, RING_BYTES - pipe->filled);
    size_t end = (pipe->start + pipe->filled) % RING_BYTES;
    size_t straight = least(bytes, RING_BYTES - end);
    memcpy(pipe->ring + end, data, straight);
    memcpy(pipe->ring, data + straight, bytes - straight);
    pipe->filled += bytes;
    return bytes;
}

static ssize_t pipe_read(struct file *file, void *data, size_t bytes)
{
    struct pipe *pipe = file->data;
    ssize_t result = 0;
    mutex_lock(&pipe->lock);
    while (bytes > 0 && pipe->filled == 0 && pipe->writer && result == 0)
        result = file_wait(file, &pipe->lock);
    if (result == 0) {
        result = (ssize_t)ring_take(pipe, data, bytes);
        wake(pipe->writer);
    }
    mutex_unlock(&pipe->lock);
    return result;
}

static ssize_t pipe_write(struct file *file, const void *data, size_t bytes)
{
    struct pipe *pipe = file->data;
    const char *from = data;
    size_t done = 0;
    ssize_t result = 0;
    mutex_lock(&pipe->lock);
    while (done < bytes && result == 0) {
        size_t need = bytes <= PIPE_BUF ? bytes : 1;
        if (!pipe->reader) {
            result = -EPIPE;
        } else if (RING_BYTES - pipe->filled < need) {
            result = file_wait(file, &pipe->lock);
        } else {
            done += ring_put(pipe, from + done, bytes - done);
            wake(pipe->reader);
        }
    }
    mutex_unlock(&pipe->lock);
    return done > 0 ? (ssize_t)done : result;
}

static short pipe_poll_reader(struct file *file)
{
    struct pipe *pipe = file->data;
    return (short)((pipe->filled ? POLLIN | POLLRDNORM : 0) | (pipe->writer ? 0 : POLLHUP));
}

static short pipe_poll_writer(struct file *file)
{
    struct pipe *pipe = file->data;
    if (!pipe->reader)
        return POLLERR | POLLOUT | POLLWRNORM;
    return RING_BYTES - pipe->filled >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0;
}

static int pipe_stat(struct file *file, struct stat *status)
{
    *status = (struct stat){
        .st_ino = (ino_t)(uintptr_t)file->data,
        .st_mode = S_IFIFO | 0600,
        .st_nlink = 1,
        .st_blksize = PIPE_BUF,
    };
    return 0;
}

static int pipe_ioctl(struct file *file, unsigned long request, void *argument)
{
    struct pipe *pipe = file->data;
    if (request != FIONREAD)
        return -ENOTTY;
    *(int *)argument = (int)pipe->filled;
    return 0;
}

static void pipe_free(struct pipe *pipe)
{
    page_free(pipe->ring, RING_PAGES);
    free(pipe);
}

static void pipe_close(struct file *file)
{
    struct pipe *pipe = file->data;
    mutex_lock(&pipe->lock);
    if (file == pipe->reader)
        pipe->reader = NULL;
    else
        pipe->writer = NULL;
    wake(pipe->reader);
    wake(pipe->writer);
    bool last = !pipe->reader && !pipe->writer;
    mutex_unlock(&pipe->lock);
    if (last)
        pipe_free(pipe);
}

static const struct file_ops reader_ops = {
    .read = pipe_read,
    .stat = pipe_stat,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll_reader,
    .close = pipe_close,
};

static const struct file_ops writer_ops = {
    .write = pipe_write,
    .stat = pipe_stat,
    .ioctl = pipe_ioctl,
    .poll = pipe_poll_writer,
    .close = pipe_close,
};

static struct pipe *pipe_new(int flags)
{
    struct pipe *pipe = calloc(1, sizeof *pipe);
    if (!pipe)
        return NULL;
    pipe->ring = page_alloc(RING_PAGES);
    pipe->reader = file_new(&reader_ops, pipe, O_RDONLY | flags);
    pipe->writer = file_new(&writer_ops, pipe, O_WRONLY | flags);
    if (pipe->ring && pipe->reader && pipe->writer)
        return pipe;
    if (pipe->ring)
        page_free(pipe->ring, RING_PAGES);
    free(pipe->reader);
    free(pipe->writer);
    free(pipe);
    return NULL;
}

static int pipe_install(int fds[2], int flags)
{
    if (flags & ~(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    struct pipe *pipe = pipe_new(flags & O_NONBLOCK);
    if (!pipe)
        return -ENOMEM;
    struct file *writer = pipe->writer;
    int reader_fd = fd_install(pipe->reader, 0);
    if (reader_fd < 0) {
        file_put(pipe->reader);
        file_put(writer);
        return reader_fd;
    }
    int writer_fd = fd_install(writer, 0);
    if (writer_fd < 0) {
        fd_close(reader_fd);
        file_put(writer);
        return writer_fd;
    }
    fd_cloexec_set(reader_fd, flags & O_CLOEXEC);
    fd_cloexec_set(writer_fd, flags & O_CLOEXEC);
    fds[0] = reader_fd;
    fds[1] = writer_fd;
    return 0;
}

int pipe2(int fds[2], int flags)
{
    return (int)errno_result(pipe_install(fds, flags));
}

int pipe(int fds[2])
{
    return pipe2(fds, 0);
}
