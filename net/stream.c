/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP sockets over lwIP's raw API. lwIP frees a connection's pcb when it is over, whatever the
 * socket thinks of it: on_gone is told of that in every case, so socket->pcb is NULL or valid. A
 * closed socket leaves its pcb to lwIP, which sends what is left in the background.
 * All under the stack's lock; the on_ functions are called by lwIP.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "kernel/clock.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "socket.h"
#include "stack.h"

#define WRITE_MOST 0xffffu /* tcp_write's length has 16 bits */
#define MEMORY_RETRY_MS 20u
#define PORT_TRIES 32

/* ---- events ------------------------------------------------------------------------------- */

/* Bytes that may be added to the send queue now. */
static uint32_t stream_space(const struct socket *socket)
{
    const struct tcp_pcb *pcb = socket->pcb.tcp;
    uint32_t queued = TCP_SND_BUF - pcb->snd_buf;
    uint32_t limit = socket->send_limit < TCP_SND_BUF ? socket->send_limit : TCP_SND_BUF;

    if (tcp_sndqueuelen(pcb) >= TCP_SND_QUEUELEN - 1)
        return 0;
    bool stands_back = crowd_waits() && !socket->sender.turn;
    if ((stands_back || memory_is_short()) && limit > 2 * TCP_MSS)
        limit = memory_is_out() ? TCP_MSS : 2 * TCP_MSS;
    return limit > queued ? limit - queued : 0;
}

/* Worth telling a writer about: a quarter of the buffer, or all that is allowed at the moment. */
static bool stream_is_writable(const struct socket *socket)
{
    if (sender_waits(&socket->sender))
        return false;
    uint32_t space = stream_space(socket);
    uint32_t queued = TCP_SND_BUF - socket->pcb.tcp->snd_buf;
    return space > 0 && (queued == 0 || space >= socket->send_limit / 4 || space >= 32 * 1024);
}

static void stream_update(struct socket *socket)
{
    short events = 0;
    if (socket->connecting)
        goto out;
    if (socket->first || socket->receive_ended || socket->error)
        events |= POLLIN | POLLRDNORM;
    if (socket->receive_ended)
        events |= POLLRDHUP;
    if (socket->error)
        events |= POLLERR;
    if (!socket->pcb.tcp || !socket->connected || socket->send_ended || stream_is_writable(socket))
        events |= POLLOUT | POLLWRNORM;
    if (!socket->pcb.tcp || !socket->connected || (socket->receive_ended && socket->send_ended))
        events |= POLLHUP;
out:
    socket_events(socket, events);
}

/* Data arrived: it can only have become readable. */
static void stream_filled(struct socket *socket)
{
    socket_events(socket, (short)(socket->events | POLLIN | POLLRDNORM));
}

/* The program has read: if no more is there, and no end or error to be told, it is not readable. */
static void stream_drained(struct socket *socket)
{
    if (!socket->first && !socket->receive_ended && !socket->error)
        socket->events &= (short)~(POLLIN | POLLRDNORM);
}

/* ---- called by lwIP ----------------------------------------------------------------------- */

static void on_gone(u8_t id, void *data)
{
    struct socket *socket = data;
    (void)id;
    socket->pcb.tcp = NULL;
}

static void on_error(void *argument, err_t error)
{
    struct socket *socket = argument;
    if (error == ERR_CLSD)
        socket->receive_ended = true;
    else if (error == ERR_RST)
        socket->error = socket->connecting ? ECONNREFUSED : ECONNRESET;
    else
        socket->error = ETIMEDOUT;
    socket->connecting = false;
    stream_update(socket);
}

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    struct socket *socket = argument;
    (void)error;
    if (!data) {
        socket->receive_ended = true;
    } else if (socket->receive_ended) { /* by shutdown */
        tcp_recved(pcb, data->tot_len);
        pbuf_free(data);
    } else {
        struct pbuf *last = data;
        /* Two segments ask for an acknowledgement at once (RFC 9293, 3.8.6.3), also when they came
         * as one. */
        if (data->tot_len >= 2 * tcp_mss(pcb))
            tcp_ack_now(pcb);
        socket->queued_bytes += data->tot_len;
        while (last->next)
            last = last->next;
        if (socket->first)
            ((struct pbuf *)socket->last)->next = data;
        else
            socket->first = data;
        socket->last = last;
        stream_filled(socket);
        return ERR_OK;
    }
    stream_update(socket);
    return ERR_OK;
}

static void on_turn(struct sender *sender)
{
    char *socket = (char *)sender - offsetof(struct socket, sender);
    stream_update((struct socket *)socket);
}

/* Could a sender without a turn queue but the least share? */
static bool must_share(void)
{
    return memory_is_short() || crowd_waits();
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t bytes)
{
    struct socket *socket = argument;
    (void)pcb, (void)bytes;
    if (socket->sender.wants && must_share())
        crowd_join(&socket->sender, on_turn);
    if (!(socket->events & POLLOUT))
        stream_update(socket);
    if (socket->send_ended && socket->file) /* close may linger for the last byte */
        waitq_wake(&socket->file->ready, UINT32_MAX);
    return ERR_OK;
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct socket *socket = argument;
    (void)pcb, (void)error;
    socket->connecting = false;
    socket->connected = true;
    stream_update(socket);
    return ERR_OK;
}

static const struct tcp_ext_arg_callbacks gone_callbacks = {on_gone, NULL};

static void pcb_attach(struct socket *socket, struct tcp_pcb *pcb)
{
    socket->pcb.tcp = pcb;
    tcp_arg(pcb, socket);
    tcp_recv(pcb, on_receive);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_ext_arg_set(pcb, 0, socket);
    tcp_ext_arg_set_callbacks(pcb, 0, &gone_callbacks);
}

static void pcb_detach(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    pcb->ext_args[0].callbacks = NULL;
}

void stream_adopt(struct socket *socket, struct tcp_pcb *pcb)
{
    pcb_attach(socket, pcb);
    socket->connected = socket->bound = true;
    stream_update(socket);
}

/* ---- connecting --------------------------------------------------------------------------- */

/* A fresh pcb: the first one, or after a connection attempt failed. */
static int pcb_need(struct socket *socket)
{
    if (socket->pcb.tcp)
        return 0;
    struct tcp_pcb *pcb = tcp_new_ip_type(socket_ip_type(socket));
    if (!pcb)
        return -ENOBUFS;
    socket->bound = false;
    pcb_attach(socket, pcb);
    socket->has_sent = false;
    return 0;
}

static int stream_bind(struct socket *socket, const struct endpoint *local)
{
    int result = pcb_need(socket);
    if (result < 0)
        return result;
    if (socket->bound || socket->connected || socket->connecting)
        return -EINVAL;
    err_t error = ERR_USE;
    if (local->port)
        error = tcp_bind(socket->pcb.tcp, &local->ip, local->port);
    for (int i = 0; !local->port && error == ERR_USE && i < PORT_TRIES; i++)
        error = tcp_bind(socket->pcb.tcp, &local->ip, port_random());
    if (error == ERR_USE && !local->port)
        error = tcp_bind(socket->pcb.tcp, &local->ip, 0);
    socket->bound = error == ERR_OK;
    return errno_of_lwip(error);
}

static int connect_wait(struct socket *socket)
{
    uint64_t deadline_ns = socket_deadline(socket->send_timeout_ms);
    while (socket->connecting)
        if (socket_wait(socket, deadline_ns) < 0)
            return -EINPROGRESS;
    return socket_take_error(socket);
}

static int stream_connect(struct socket *socket, const struct endpoint *remote)
{
    if (socket->listener || socket->connected)
        return -EISCONN;
    if (socket->connecting)
        return -EALREADY;
    if (!remote)
        return 0;
    int result = pcb_need(socket);
    if (result == 0 && !socket->bound) {
        struct endpoint any = {.port = 0};
        IP_SET_TYPE_VAL(any.ip, socket_ip_type(socket));
        result = stream_bind(socket, &any);
    }
    if (result < 0)
        return result;
    socket->error = 0;
    err_t error = tcp_connect(socket->pcb.tcp, &remote->ip, remote->port, on_connected);
    if (error != ERR_OK)
        return errno_of_lwip(error);
    socket->connecting = true;
    timers_touch();
    stream_update(socket);
    return socket_is_nonblocking(socket, 0) ? -EINPROGRESS : connect_wait(socket);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Waits for room. 0, -EAGAIN, or what ended the connection. */
static int send_wait(struct socket *socket, bool nonblocking, uint64_t deadline_ns)
{
    if (nonblocking)
        return -EAGAIN;
    /* When memory is the limit, nobody tells of room. */
    uint64_t retry_ns = net_now_ns + MEMORY_RETRY_MS * 1000000ull;
    bool by_memory = !socket->connecting && (memory_is_short() || stream_space(socket) > 0);
    bool retry = by_memory && retry_ns < deadline_ns;
    int result = socket_wait(socket, retry ? retry_ns : deadline_ns);
    return retry ? 0 : result;
}

/* Queues what fits: bytes, 0 when there is no room. */
static size_t send_some(struct socket *socket, struct span *data, bool more)
{
    void *at;
    size_t part = span_next(data, &at);
    uint32_t space = stream_space(socket);
    if (part > space)
        part = space;
    if (part > WRITE_MOST)
        part = WRITE_MOST;
    if (part == 0)
        return 0;
    stream_window_begin(socket);
    u8_t flags = TCP_WRITE_FLAG_COPY;
    if (more || part < data->bytes)
        flags |= TCP_WRITE_FLAG_MORE;
    if (tcp_write(socket->pcb.tcp, at, (u16_t)part, flags) != ERR_OK)
        return 0;
    span_advance(data, part);
    return part;
}

/* May data be sent at all? 0 or the error. */
static int send_check(struct socket *socket)
{
    if (socket->error)
        return socket_take_error(socket);
    if (socket->send_ended || (socket->connected && !socket->pcb.tcp))
        return -EPIPE;
    return socket->connected || socket->connecting ? 0 : -ENOTCONN;
}

static ssize_t stream_send(struct socket *socket, struct span *data, int flags,
                           const struct endpoint *remote)
{
    bool nonblocking = socket_is_nonblocking(socket, flags);
    uint64_t deadline_ns = socket_deadline(socket->send_timeout_ms);
    size_t total = 0;
    int result = 0;

    (void)remote;
    for (;;) {
        result = send_check(socket);
        if (result < 0 || data->bytes == 0)
            break;
        size_t part = socket->connecting ? 0 : send_some(socket, data, flags & MSG_MORE);
        total += part;
        if (part)
            continue;
        if (!socket->connecting)
            tcp_output(socket->pcb.tcp);
        timers_touch_tcp();
        socket->sender.wants = must_share() && !sender_waits(&socket->sender);
        /* Not writable any more, so that room is a change that wakes this thread. */
        stream_update(socket);
        result = send_wait(socket, nonblocking, deadline_ns);
        if (result < 0)
            break;
    }
    if (socket->pcb.tcp && total && !(flags & MSG_MORE))
        tcp_output(socket->pcb.tcp);
    timers_touch_tcp();
    if (result != -EAGAIN)
        crowd_leave(&socket->sender);
    stream_update(socket);
    if (total && result < 0 && result != -EAGAIN)
        socket->error = -result == EPIPE ? 0 : -result; /* told by the next call */
    return total ? (ssize_t)total : result;
}

/* ---- receiving ---------------------------------------------------------------------------- */

static void queue_drop_first(struct socket *socket)
{
    struct pbuf *first = socket->first;
    socket->first = first->next;
    socket->first_offset = 0;
    first->next = NULL;
    first->tot_len = first->len;
    pbuf_free(first);
}

static void queue_drop(struct socket *socket)
{
    while (socket->first)
        queue_drop_first(socket);
    socket->queued_bytes = 0;
}

static size_t queue_peek(struct socket *socket, struct span *data)
{
    size_t total = 0, offset = socket->first_offset;
    for (struct pbuf *at = socket->first; at && data->bytes; at = at->next, offset = 0) {
        size_t part = at->len - offset;
        if (part > data->bytes)
            part = data->bytes;
        span_put(data, (char *)at->payload + offset, part);
        total += part;
    }
    return total;
}

/* The peer may send that much more: lwIP is told in steps of 16 bits. */
static void window_open(struct tcp_pcb *pcb, size_t bytes)
{
    while (bytes) {
        u16_t step = bytes < 0xffff ? (u16_t)bytes : 0xffff;
        tcp_recved(pcb, step);
        bytes -= step;
    }
}

static size_t queue_read(struct socket *socket, struct span *data)
{
    size_t total = 0;
    while (socket->first && data->bytes) {
        struct pbuf *first = socket->first;
        size_t part = first->len - socket->first_offset;
        if (part > data->bytes)
            part = data->bytes;
        span_put(data, (char *)first->payload + socket->first_offset, part);
        socket->first_offset += (uint32_t)part;
        total += part;
        if (socket->first_offset == first->len)
            queue_drop_first(socket);
    }
    socket->queued_bytes -= (uint32_t)total;
    if (total && socket->pcb.tcp)
        window_open(socket->pcb.tcp, total);
    return total;
}

/* Nothing is queued: 0 at the end of the stream, 1 when it pays to wait, or the error. */
static int receive_check(struct socket *socket)
{
    if (socket->error)
        return socket_take_error(socket);
    if (socket->receive_ended)
        return 0;
    if (socket->connecting || (socket->connected && socket->pcb.tcp))
        return 1;
    return socket->connected ? 0 : -ENOTCONN;
}

static ssize_t stream_receive(struct socket *socket, struct span *data, int *flags,
                              struct endpoint *remote)
{
    bool nonblocking = socket_is_nonblocking(socket, *flags);
    bool all = (*flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL;
    uint64_t deadline_ns = socket_deadline(socket->receive_timeout_ms);
    size_t total = 0;
    int result = 0;

    (void)remote;
    for (;;) {
        total += *flags & MSG_PEEK ? queue_peek(socket, data) : queue_read(socket, data);
        if (data->bytes == 0 || (total && !all))
            break;
        result = receive_check(socket);
        if (result <= 0)
            break;
        result = nonblocking ? -EAGAIN : socket_wait(socket, deadline_ns);
        if (result < 0)
            break;
    }
    *flags = 0;
    stream_drained(socket);
    return total ? (ssize_t)total : result;
}

static size_t stream_readable_bytes(struct socket *socket)
{
    return socket->queued_bytes;
}

/* ---- ending ------------------------------------------------------------------------------- */

static int stream_shutdown(struct socket *socket, bool receiving, bool sending)
{
    struct tcp_pcb *pcb = socket->pcb.tcp;
    if (!socket->connected || !pcb)
        return -ENOTCONN;
    if (receiving) {
        size_t unread = socket->queued_bytes;
        socket->receive_ended = true;
        queue_drop(socket);
        window_open(pcb, unread);
    }
    if (sending && !socket->send_ended) {
        socket->send_ended = true;
        tcp_shutdown(pcb, 0, 1);
    }
    timers_touch();
    stream_update(socket);
    return 0;
}

/* SO_LINGER: true once everything was acknowledged. */
static bool linger_wait(struct socket *socket)
{
    uint64_t deadline_ns = socket_deadline(socket->linger_seconds * 1000u);
    stream_shutdown(socket, false, true);
    while (socket->pcb.tcp && (socket->pcb.tcp->unsent || socket->pcb.tcp->unacked))
        if (socket_wait(socket, deadline_ns) < 0)
            return false;
    return true;
}

static void stream_close(struct socket *socket, bool may_block)
{
    bool abort = socket->linger && socket->connected && socket->linger_seconds == 0;
    if (socket->listener) {
        listener_close(socket);
        socket_free(socket);
        return;
    }
    if (socket->linger && socket->linger_seconds && may_block && socket->connected &&
        socket->pcb.tcp)
        abort = !linger_wait(socket);
    crowd_leave(&socket->sender);
    struct tcp_pcb *pcb = socket->pcb.tcp;
    if (pcb) {
        /* Data that nobody read makes lwIP send a reset instead of a FIN (RFC 2525, 2.17). */
        pcb_detach(pcb);
        if (abort || tcp_close(pcb) != ERR_OK)
            tcp_abort(pcb);
        timers_touch();
    }
    queue_drop(socket);
    socket_free(socket);
}

static int stream_need(struct socket *socket)
{
    int result = pcb_need(socket);
    if (result == 0)
        stream_update(socket);
    return result;
}

const struct protocol stream_protocol = {
    .open = stream_need,
    .bind = stream_bind,
    .listen = stream_listen,
    .accept = stream_accept,
    .connect = stream_connect,
    .send = stream_send,
    .receive = stream_receive,
    .shutdown = stream_shutdown,
    .local = stream_local,
    .remote = stream_remote,
    .option_set = stream_option_set,
    .option_get = stream_option_get,
    .readable_bytes = stream_readable_bytes,
    .close = stream_close,
};
