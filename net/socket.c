/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all sockets share: their life, waiting, errors, and the file operations through which read,
 * write, poll and close reach them. The program's own entry points are in calls.c.
 */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fd.h"
#include "kernel/clock.h"
#include "kernel/thread.h"
#include "stack.h"

#define DEFAULT_LIMIT (128u * 1024)

struct socket *socket_new(int domain, int type, int number, const struct protocol *protocol)
{
    struct socket *socket = calloc(1, sizeof *socket);
    if (!socket)
        return NULL;
    socket->protocol = protocol;
    socket->domain = (uint8_t)domain;
    socket->type = (uint8_t)type;
    socket->number = (uint8_t)number;
    socket->send_limit = socket->receive_limit = DEFAULT_LIMIT;
    return socket;
}

void socket_free(struct socket *socket)
{
    free(socket);
}

void socket_events(struct socket *socket, short events)
{
    short before = socket->events;
    socket->events = events;
    /* More data on a readable socket counts too: edge-triggered waiters want to hear of it. */
    if (socket->file && (events & ~before || events & POLLIN))
        waitq_wake(&socket->file->ready, UINT32_MAX);
}

bool socket_is_nonblocking(const struct socket *socket, int flags)
{
    return (flags & MSG_DONTWAIT) || (socket->file && (socket->file->flags & O_NONBLOCK));
}

uint64_t socket_deadline(uint32_t timeout_ms)
{
    return timeout_ms ? clock_now_ns() + timeout_ms * 1000000ull : NO_DEADLINE;
}

int socket_wait(struct socket *socket, uint64_t deadline_ns)
{
    return net_wait(&socket->file->ready, deadline_ns) == -ETIMEDOUT ? -EAGAIN : 0;
}

int socket_take_error(struct socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    socket->events &= (short)~POLLERR;
    return -error;
}

int errno_of_lwip(err_t error)
{
    static const uint8_t table[] = {
        [-ERR_OK] = 0,
        [-ERR_MEM] = ENOMEM,
        [-ERR_BUF] = ENOBUFS,
        [-ERR_TIMEOUT] = ETIMEDOUT,
        [-ERR_RTE] = ENETUNREACH,
        [-ERR_INPROGRESS] = EINPROGRESS,
        [-ERR_VAL] = EINVAL,
        [-ERR_WOULDBLOCK] = EAGAIN,
        [-ERR_USE] = EADDRINUSE,
        [-ERR_ALREADY] = EALREADY,
        [-ERR_ISCONN] = EISCONN,
        [-ERR_CONN] = ENOTCONN,
        [-ERR_IF] = ENETDOWN,
        [-ERR_ABRT] = ECONNABORTED,
        [-ERR_RST] = ECONNRESET,
        [-ERR_CLSD] = ENOTCONN,
        [-ERR_ARG] = EINVAL,
    };
    unsigned index = (unsigned)-error;
    return index < sizeof table ? -(int)table[index] : -EIO;
}

/* ---- spans -------------------------------------------------------------------------------- */

void span_init(struct span *span, const struct iovec *pieces, size_t count)
{
    *span = (struct span){.pieces = pieces, .count = count};
    for (size_t i = 0; i < count; i++)
        span->bytes += pieces[i].iov_len;
}

size_t span_next(const struct span *span, void **at)
{
    for (size_t i = 0, skip = span->offset; i < span->count; i++, skip = 0) {
        size_t left = span->pieces[i].iov_len - skip;
        *at = (char *)span->pieces[i].iov_base + skip;
        if (left)
            return left;
    }
    return 0;
}

void span_advance(struct span *span, size_t bytes)
{
    span->bytes -= bytes;
    span->offset += bytes;
    while (span->count && span->offset >= span->pieces->iov_len) {
        span->offset -= span->pieces->iov_len;
        span->pieces++;
        span->count--;
    }
}

void span_take(struct span *span, void *to, size_t bytes)
{
    void *at;
    for (size_t part; bytes && (part = span_next(span, &at)); bytes -= part) {
        if (part > bytes)
            part = bytes;
        memcpy(to, at, part);
        to = (char *)to + part;
        span_advance(span, part);
    }
}

void span_put(struct span *span, const void *from, size_t bytes)
{
    void *at;
    for (size_t part; bytes && (part = span_next(span, &at)); bytes -= part) {
        if (part > bytes)
            part = bytes;
        memcpy(at, from, part);
        from = (const char *)from + part;
        span_advance(span, part);
    }
}

/* ---- as files ----------------------------------------------------------------------------- */

static ssize_t file_readv(struct file *file, const struct iovec *pieces, int count)
{
    struct socket *socket = file->data;
    struct span span;
    int flags = 0;
    struct endpoint remote;

    span_init(&span, pieces, (size_t)count);
    if (span.bytes == 0)
        return 0;
    net_lock();
    ssize_t result = socket->protocol->receive(socket, &span, &flags, &remote);
    net_unlock();
    return result;
}

static ssize_t file_read(struct file *file, void *data, size_t bytes)
{
    const struct iovec piece = {data, bytes};
    return file_readv(file, &piece, 1);
}

static ssize_t file_writev(struct file *file, const struct iovec *pieces, int count)
{
    struct socket *socket = file->data;
    struct span span;

    span_init(&span, pieces, (size_t)count);
    net_lock();
    ssize_t result = socket->protocol->send(socket, &span, 0, NULL);
    net_unlock();
    return result;
}

static ssize_t file_write(struct file *file, const void *data, size_t bytes)
{
    /* Sending only reads through the pointer, which struct iovec cannot say. */
    const struct iovec piece = {(void *)(uintptr_t)data, bytes};
    return file_writev(file, &piece, 1);
}

static int file_stat(struct file *file, struct stat *status)
{
    (void)file;
    *status = (struct stat){.st_mode = S_IFSOCK | 0777, .st_nlink = 1, .st_blksize = 4096};
    return 0;
}

static int file_ioctl(struct file *file, unsigned long request, void *argument)
{
    struct socket *socket = file->data;
    if (request != FIONREAD)
        return -ENOTTY;
    net_lock();
    size_t bytes = socket->protocol->readable_bytes(socket);
    net_unlock();
    *(int *)argument = (int)bytes;
    return 0;
}

/* One CPU, one short: no lock needed. A change right after is followed by a wake-up. */
static short file_poll(struct file *file)
{
    const struct socket *socket = file->data;
    return *(const volatile short *)&socket->events;
}

static void file_close(struct file *file)
{
    struct socket *socket = file->data;
    net_lock();
    socket->protocol->close(socket, !(file->flags & O_NONBLOCK));
    net_unlock();
}

const struct file_ops socket_file_ops = {
    .read = file_read,
    .write = file_write,
    .readv = file_readv,
    .writev = file_writev,
    .stat = file_stat,
    .ioctl = file_ioctl,
    .poll = file_poll,
    .close = file_close,
};

int socket_install(struct socket *socket, int type_flags)
{
    int flags = O_RDWR | (type_flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);
    struct file *file = file_new(&socket_file_ops, socket, flags);
    if (!file) {
        net_lock();
        socket->protocol->close(socket, false);
        net_unlock();
        return -ENOMEM;
    }
    socket->file = file;
    int fd = fd_install(file, 0);
    if (fd < 0)
        file_put(file); /* closes the socket, too */
    else if (type_flags & SOCK_CLOEXEC)
        fd_cloexec_set(fd, true);
    return fd;
}

struct socket *socket_of(int fd, struct file **file, int *error)
{
    *file = fd_file(fd);
    *error = -EBADF;
    if (!*file)
        return NULL;
    if ((*file)->ops == &socket_file_ops)
        return (*file)->data;
    *error = -ENOTSOCK;
    file_put(*file);
    return NULL;
}
