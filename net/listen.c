/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening TCP sockets: the queue of connections that wait for accept, and those on their way into
 * it. When the queue is full a SYN is ignored; its sender tries again. Of half-open connections the
 * oldest makes room for a new one (RFC 4987, 3.5): in a flood of SYNs an honest peer, which answers
 * at once, still gets through. Under the stack's lock; the on_ functions are called by lwIP.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "socket.h"
#include "stack.h"

#define HALF_OPEN_MOST 1024u

/* A connection whose SYN came, until its handshake ends. */
struct half_open {
    struct listener *listener;
    struct tcp_pcb *pcb;
    struct half_open *next, *previous;
};

struct listener {
    struct socket *first, *last; /* established, not yet accepted */
    unsigned queued;
    unsigned backlog;
    struct half_open half_open; /* a ring, the oldest next; this one holds no connection */
    unsigned half_open_count;
};

/* Ends the listener's interest in a connection, not the connection. */
static void half_open_forget(struct half_open *half_open)
{
    half_open->listener->half_open_count--;
    half_open->previous->next = half_open->next;
    half_open->next->previous = half_open->previous;
    half_open->pcb->ext_args[0].callbacks = NULL;
    free(half_open);
}

/* ---- called by lwIP ----------------------------------------------------------------------- */

static void on_half_open_gone(u8_t id, void *data)
{
    (void)id;
    half_open_forget(data);
}

static const struct tcp_ext_arg_callbacks half_open_callbacks = {on_half_open_gone, NULL};

static err_t on_passive_open(u8_t id, struct tcp_pcb_listen *listening, struct tcp_pcb *pcb)
{
    const struct socket *socket = listening->callback_arg;
    struct listener *listener = socket->listener;
    if (listener->queued > listener->backlog)
        return ERR_MEM;
    if (listener->half_open_count >= HALF_OPEN_MOST ||
        (listener->half_open_count > 0 && memory_is_short()))
        tcp_abandon(listener->half_open.next->pcb, 0); /* without a reset */
    struct half_open *half_open = malloc(sizeof *half_open);
    if (!half_open)
        return ERR_MEM;
    struct half_open *ring = &listener->half_open;
    *half_open = (struct half_open){listener, pcb, ring, ring->previous};
    ring->previous->next = half_open;
    ring->previous = half_open;
    listener->half_open_count++;
    tcp_ext_arg_set(pcb, id, half_open);
    tcp_ext_arg_set_callbacks(pcb, id, &half_open_callbacks);
    return ERR_OK;
}

static const struct tcp_ext_arg_callbacks listen_callbacks = {NULL, on_passive_open};

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct socket *socket = argument;
    struct listener *listener = socket->listener;
    if (!pcb || error != ERR_OK)
        return ERR_VAL;
    struct socket *child = socket_new(socket->domain, socket->type, socket->number,
                                      &stream_protocol);
    if (!child)
        return ERR_MEM; /* lwIP resets the connection */
    child->send_limit = socket->send_limit;
    child->receive_limit = socket->receive_limit;
    half_open_forget(pcb->ext_args[0].data);
    if (socket->no_delay)
        tcp_nagle_disable(pcb);
    stream_adopt(child, pcb);
    if (listener->last)
        listener->last->accept_next = child;
    else
        listener->first = child;
    listener->last = child;
    listener->queued++;
    socket_events(socket, POLLIN | POLLRDNORM);
    return ERR_OK;
}

/* ---- called by the program ---------------------------------------------------------------- */

static unsigned backlog_bound(int backlog)
{
    if (backlog < 0 || backlog > SOMAXCONN)
        return SOMAXCONN;
    return (unsigned)backlog;
}

int stream_listen(struct socket *socket, int backlog)
{
    if (socket->listener) {
        socket->listener->backlog = backlog_bound(backlog);
        return 0;
    }
    if (socket->connected || socket->connecting || !socket->pcb.tcp)
        return -EINVAL;
    if (!socket->bound) {
        struct endpoint any = {.port = 0};
        IP_SET_TYPE_VAL(any.ip, socket_ip_type(socket));
        int result = socket->protocol->bind(socket, &any);
        if (result < 0)
            return result;
    }
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return -ENOBUFS;
    listener->backlog = backlog_bound(backlog);
    listener->half_open.next = listener->half_open.previous = &listener->half_open;

    /* lwIP frees the pcb and gives a smaller one; that is not the end of this socket's. */
    struct tcp_pcb *pcb = socket->pcb.tcp;
    const struct tcp_ext_arg_callbacks *callbacks = pcb->ext_args[0].callbacks;
    err_t error;
    pcb->ext_args[0].callbacks = NULL;
    struct tcp_pcb *listening = tcp_listen_with_backlog_and_err(pcb, 0, &error);
    if (!listening) {
        pcb->ext_args[0].callbacks = callbacks;
        free(listener);
        return errno_of_lwip(error);
    }
    socket->pcb.tcp = listening;
    socket->listener = listener;
    tcp_arg(listening, socket);
    tcp_accept(listening, on_accept);
    tcp_ext_arg_set_callbacks(listening, 0, &listen_callbacks);
    socket_events(socket, 0);
    return 0;
}

int stream_accept(struct socket *socket, struct socket **accepted)
{
    struct listener *listener = socket->listener;
    if (!listener)
        return -EINVAL;
    uint64_t deadline_ns = socket_deadline(socket->receive_timeout_ms);
    while (!listener->first) {
        if (socket_is_nonblocking(socket, 0))
            return -EAGAIN;
        int result = socket_wait(socket, deadline_ns);
        if (result < 0)
            return result;
    }
    struct socket *child = listener->first;
    listener->first = child->accept_next;
    if (!listener->first)
        listener->last = NULL;
    listener->queued--;
    child->accept_next = NULL;
    socket_events(socket, listener->first ? POLLIN | POLLRDNORM : 0);
    *accepted = child;
    return 0;
}

/* Connections that nobody will accept any more are reset, also those half open: lwIP does that when
 * their handshake ends without a listener. */
void listener_close(struct socket *socket)
{
    struct listener *listener = socket->listener;
    while (listener->half_open_count)
        half_open_forget(listener->half_open.next);
    while (listener->first) {
        struct socket *child = listener->first;
        listener->first = child->accept_next;
        child->linger = true; /* for no time: a reset */
        child->protocol->close(child, false);
    }
    tcp_close(socket->pcb.tcp);
    free(listener);
}
