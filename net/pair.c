/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socketpair: two AF_UNIX stream sockets, joined in memory by a ring for each direction. Under the
 * stack's lock like all sockets.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.h"
#include "stack.h"

#define RING_BYTES (16u * 1024)

/* What a socket has received, and who sends to it. */
struct pair_end {
    struct socket *peer; /* NULL once closed */
    uint32_t first, used;
    unsigned char ring[RING_BYTES];
};

static void pair_update(struct socket *socket)
{
    const struct pair_end *end = socket->pcb.pair;
    const struct socket *peer = end->peer;
    short events = 0;
    if (end->used || socket->receive_ended)
        events |= POLLIN | POLLRDNORM;
    if (socket->receive_ended)
        events |= POLLRDHUP;
    if (!peer || socket->send_ended || peer->pcb.pair->used < RING_BYTES)
        events |= POLLOUT | POLLWRNORM;
    if (!peer || (socket->receive_ended && socket->send_ended))
        events |= POLLHUP;
    socket_events(socket, events);
}

/* Moves bytes from the span into the ring: how many fitted. */
static size_t ring_fill(struct pair_end *end, struct span *data)
{
    size_t total = 0;
    while (data->bytes && end->used < RING_BYTES) {
        uint32_t at = (end->first + end->used) % RING_BYTES;
        uint32_t part = at < end->first ? end->first - at : RING_BYTES - at;
        if (part > data->bytes)
            part = (uint32_t)data->bytes;
        span_take(data, end->ring + at, part);
        end->used += part;
        total += part;
    }
    return total;
}

static size_t ring_drain(struct pair_end *end, struct span *data, bool peek)
{
    uint32_t first = end->first, used = end->used;
    size_t total = 0;
    while (data->bytes && used) {
        uint32_t part = first + used > RING_BYTES ? RING_BYTES - first : used;
        if (part > data->bytes)
            part = (uint32_t)data->bytes;
        span_put(data, end->ring + first, part);
        first = (first + part) % RING_BYTES;
        used -= part;
        total += part;
    }
    if (!peek) {
        end->first = first;
        end->used = used;
    }
    return total;
}

static ssize_t pair_send(struct socket *socket, struct span *data, int flags,
                         const struct endpoint *remote)
{
    bool nonblocking = socket_is_nonblocking(socket, flags);
    uint64_t deadline_ns = socket_deadline(socket->send_timeout_ms);
    struct pair_end *end = socket->pcb.pair;
    size_t total = 0;
    int result = 0;

    (void)remote;
    for (;;) {
        if (socket->send_ended || !end->peer || end->peer->receive_ended) {
            result = -EPIPE;
            break;
        }
        total += ring_fill(end->peer->pcb.pair, data);
        pair_update(end->peer);
        if (data->bytes == 0)
            break;
        pair_update(socket);
        result = nonblocking ? -EAGAIN : socket_wait(socket, deadline_ns);
        if (result < 0)
            break;
    }
    pair_update(socket);
    return total ? (ssize_t)total : result;
}

static ssize_t pair_receive(struct socket *socket, struct span *data, int *flags,
                            struct endpoint *remote)
{
    bool nonblocking = socket_is_nonblocking(socket, *flags);
    bool peek = *flags & MSG_PEEK;
    bool all = *flags & MSG_WAITALL && !peek;
    uint64_t deadline_ns = socket_deadline(socket->receive_timeout_ms);
    struct pair_end *end = socket->pcb.pair;
    size_t total = 0;
    int result = 0;

    (void)remote;
    *flags = 0;
    for (;;) {
        total += ring_drain(end, data, peek);
        if (end->peer)
            pair_update(end->peer);
        if (data->bytes == 0 || (total && !all) || socket->receive_ended)
            break;
        pair_update(socket);
        result = nonblocking ? -EAGAIN : socket_wait(socket, deadline_ns);
        if (result < 0)
            break;
    }
    pair_update(socket);
    return total ? (ssize_t)total : result;
}

static int pair_shutdown(struct socket *socket, bool receiving, bool sending)
{
    struct socket *peer = socket->pcb.pair->peer;
    if (receiving)
        socket->receive_ended = true;
    if (sending) {
        socket->send_ended = true;
        if (peer)
            peer->receive_ended = true;
    }
    pair_update(socket);
    if (peer)
        pair_update(peer);
    return 0;
}

static int pair_name(struct socket *socket, struct endpoint *endpoint)
{
    (void)socket, (void)endpoint; /* there are no names */
    return 0;
}

static size_t pair_readable_bytes(struct socket *socket)
{
    return socket->pcb.pair->used;
}

static void pair_close(struct socket *socket, bool may_block)
{
    struct pair_end *end = socket->pcb.pair;
    (void)may_block;
    if (end->peer) {
        struct socket *peer = end->peer;
        peer->pcb.pair->peer = NULL;
        peer->receive_ended = true;
        pair_update(peer);
    }
    free(end);
    socket_free(socket);
}

static const struct protocol pair_protocol = {
    .send = pair_send,
    .receive = pair_receive,
    .shutdown = pair_shutdown,
    .local = pair_name,
    .remote = pair_name,
    .readable_bytes = pair_readable_bytes,
    .close = pair_close,
};

static struct socket *pair_socket_new(void)
{
    struct socket *made = socket_new(AF_UNIX, SOCK_STREAM, 0, &pair_protocol);
    struct pair_end *end = calloc(1, sizeof *end);
    if (!made || !end) {
        if (made)
            socket_free(made);
        free(end);
        return NULL;
    }
    made->pcb.pair = end;
    made->connected = true;
    return made;
}

static int pair_make(int type, int fds[2])
{
    const int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct socket *ends[2] = {pair_socket_new(), pair_socket_new()};
    for (int i = 0; i < 2; i++) {
        if (!ends[i]) {
            if (ends[1 - i])
                pair_close(ends[1 - i], false);
            return -ENOBUFS;
        }
    }
    ends[0]->pcb.pair->peer = ends[1];
    ends[1]->pcb.pair->peer = ends[0];
    ends[0]->events = ends[1]->events = POLLOUT | POLLWRNORM;
    fds[0] = socket_install(ends[0], flags);
    if (fds[0] < 0) {
        net_lock();
        pair_close(ends[1], false);
        net_unlock();
        return fds[0];
    }
    fds[1] = socket_install(ends[1], flags);
    if (fds[1] < 0) {
        close(fds[0]);
        return fds[1];
    }
    return 0;
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    int result = -EAFNOSUPPORT;
    if (domain == AF_UNIX && (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM)
        result = -EPROTOTYPE;
    else if (domain == AF_UNIX && protocol != 0)
        result = -EPROTONOSUPPORT;
    else if (domain == AF_UNIX)
        result = pair_make(type, fds);
    return (int)errno_result(result);
}
