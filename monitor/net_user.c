/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user-mode network backend: libslirp plays gateway, name server and NAT. Relies on net.c for
 * the rings and on slirp_sockets.c for libslirp's descriptors; runs on the loop's thread.
 */
#include "backends.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "backend.h"
#include "iov.h"
#include "loop.h"
#include "net.h"
#include "slirp_sockets.h"

#define BACKLOG_BYTES_MAX 1048576u /* of frames for which the guest has no buffer yet */
#define STALE_CLOCK_NS 10000000u

struct backlog_frame {
    struct backlog_frame *next;
    uint32_t bytes;
    uint8_t data[];
};

/* libslirp has one timer, for router advertisements. */
struct user_timer {
    struct user *user;
    SlirpTimerCb callback;
    void *opaque;
    uint64_t deadline_ns;
};

struct user {
    struct net net; /* first */
    struct slirp_sockets sockets;
    struct user_timer timer;
    char *value; /* "user,..." as typed, owned, for messages */
    struct backlog_frame *backlog_first, **backlog_end;
    uint32_t backlog_bytes;
    uint8_t frame[SLIRP_FRAME_MAX];
};

/* --- to the guest --- */

/* libslirp has computed the checksums itself, so the guest need not look (virtio 1.2, 5.1.6.4). */
static void user_deliver(struct user *user, const uint8_t *frame, uint32_t bytes)
{
    struct net *net = &user->net;
    struct virtio_net_hdr_mrg_rxbuf header = {0};
    struct iovec copy[NET_ROOM_SEGMENTS];
    uint32_t room_bytes;
    unsigned count;
    const struct iovec *payload = net_room(net, copy, &count, &room_bytes);

    if (bytes > room_bytes) {
        net->counters.rx_dropped++;
        return;
    }
    if ((net->accepted & 1ull << VIRTIO_NET_F_GUEST_CSUM) != 0)
        header.hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    iov_write(payload, count, frame, bytes);
    net_finish_rx(net, &header, bytes);
}

static ssize_t user_send_packet(const void *frame, size_t bytes, void *opaque)
{
    struct user *user = opaque;
    struct net *net = &user->net;
    struct backlog_frame *waiting;

    /* A negative result would only make libslirp complain: a frame that is lost is lost. */
    if (!net->began || net->device.failed || bytes > SLIRP_FRAME_MAX ||
        user->backlog_bytes + bytes > BACKLOG_BYTES_MAX) {
        net->counters.rx_dropped++;
        return (ssize_t)bytes;
    }
    if (user->backlog_first == NULL && net_hold_rx(net)) {
        user_deliver(user, frame, (uint32_t)bytes);
        return (ssize_t)bytes;
    }
    waiting = malloc(sizeof(*waiting) + bytes);
    if (waiting == NULL) {
        net->counters.rx_dropped++;
        return (ssize_t)bytes;
    }
    waiting->next = NULL;
    waiting->bytes = (uint32_t)bytes;
    memcpy(waiting->data, frame, bytes);
    *user->backlog_end = waiting;
    user->backlog_end = &waiting->next;
    user->backlog_bytes += (uint32_t)bytes;
    return (ssize_t)bytes;
}

static void user_drain_backlog(struct user *user)
{
    struct backlog_frame *frame;

    while ((frame = user->backlog_first) != NULL && net_hold_rx(&user->net)) {
        user_deliver(user, frame->data, frame->bytes);
        user->backlog_first = frame->next;
        if (user->backlog_first == NULL)
            user->backlog_end = &user->backlog_first;
        user->backlog_bytes -= frame->bytes;
        free(frame);
    }
}

/* --- libslirp's turns --- */

static void user_tick(void *context, uint32_t epoll_events);

/* After each call into libslirp: what to wait for next, and what the guest is told. */
static void user_finish(struct user *user)
{
    struct net *net = &user->net;
    uint32_t timeout_ms = slirp_sockets_refill(&user->sockets);
    bool serving = net->began && !net->device.failed;

    loop_timer(net->loop,
               timeout_ms == UINT32_MAX ? UINT64_MAX : slirp_now_ns() + timeout_ms * 1000000ull,
               user_tick, user);
    if (serving)
        backend_publish(&net->device, NET_RX);
    /* Nothing new for the guest while it has no buffers: the data waits in the host's sockets. */
    loop_change(net->loop, user->sockets.epoll_fd,
                serving && user->backlog_first == NULL ? (uint32_t)EPOLLIN : 0);
}

static void user_tick(void *context, uint32_t epoll_events)
{
    struct user *user = context;

    (void)epoll_events;
    slirp_sockets_poll(&user->sockets);
    user_finish(user);
}

static void user_on_sockets(void *context, uint32_t epoll_events)
{
    struct user *user = context;

    (void)epoll_events;
    slirp_sockets_collect(&user->sockets);
    user_finish(user);
}

static void user_register_fd(int fd, void *opaque)
{
    slirp_sockets_add(&((struct user *)opaque)->sockets, fd);
}

static void user_unregister_fd(int fd, void *opaque)
{
    slirp_sockets_remove(&((struct user *)opaque)->sockets, fd);
}

/* --- libslirp's other wishes --- */

static void user_guest_error(const char *text, void *opaque)
{
    (void)text;
    ((struct user *)opaque)->net.counters.tx_dropped++;
}

static int64_t user_clock(void *opaque)
{
    (void)opaque;
    return (int64_t)slirp_now_ns();
}

static void user_on_timer(void *context, uint32_t epoll_events)
{
    struct user_timer *timer = context;

    (void)epoll_events;
    timer->deadline_ns = UINT64_MAX;
    timer->callback(timer->opaque);
    user_finish(timer->user);
}

static void *user_timer_new(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
    struct user *user = opaque;

    user->timer = (struct user_timer){user, callback, callback_opaque, UINT64_MAX};
    return &user->timer;
}

static void user_timer_free(void *context, void *opaque)
{
    struct user_timer *timer = context;

    (void)opaque;
    if (timer->user->net.loop != NULL)
        loop_timer(timer->user->net.loop, UINT64_MAX, user_on_timer, timer);
}

static void user_timer_mod(void *context, int64_t expire_ms, void *opaque)
{
    struct user_timer *timer = context;

    (void)opaque;
    timer->deadline_ns = (uint64_t)expire_ms * 1000000u;
    if (timer->user->net.loop != NULL)
        loop_timer(timer->user->net.loop, timer->deadline_ns, user_on_timer, timer);
}

static void user_notify(void *opaque)
{
    (void)opaque; /* user_finish follows each call into libslirp */
}

static const SlirpCb user_callbacks = {
    .send_packet = user_send_packet,
    .guest_error = user_guest_error,
    .clock_get_ns = user_clock,
    .timer_new = user_timer_new,
    .timer_free = user_timer_free,
    .timer_mod = user_timer_mod,
    .register_poll_fd = user_register_fd,
    .unregister_poll_fd = user_unregister_fd,
    .notify = user_notify,
};

/* --- the device --- */

/* More fragments follow, or this is not the first one. The reassembly of libslirp 4.7 has been
 * seen to run on wild pointers when a guest sends nonsense, so fragments are not for it. */
static bool is_fragment(const uint8_t *frame, uint32_t bytes)
{
    return bytes >= 34 && frame[12] == 0x08 && frame[13] == 0x00 &&
           ((frame[20] & 0x3f) | frame[21]) != 0;
}

static bool user_transmit(struct net *net, const struct virtio_net_hdr_mrg_rxbuf *header,
                          struct iovec *segments, unsigned count, uint32_t bytes)
{
    struct user *user = (struct user *)net;

    (void)header; /* no offload is offered, so it says nothing */
    if (bytes > sizeof(user->frame))
        return false;
    /* libslirp reads some fields twice: it gets a copy that the guest cannot change. */
    iov_read(segments, count, user->frame, bytes);
    if (is_fragment(user->frame, bytes))
        return false;
    user->sockets.library->input(user->sockets.slirp, user->frame, (int)bytes);
    return true;
}

static void user_transmitted(struct net *net)
{
    user_tick(net, 0);
}

/* Introduces the guest to libslirp, which would otherwise have to ask for its hardware address. */
static void user_announce_guest(struct user *user)
{
    uint8_t frame[42] = {[12] = 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
    uint32_t ip = htonl(SLIRP_GUEST_IP);

    memset(frame, 0xff, 6);
    /* virtio_net_config begins with the address. */
    memcpy(frame + 6, user->net.device.config, 6);
    memcpy(frame + 22, user->net.device.config, 6);
    memcpy(frame + 28, &ip, 4);
    memcpy(frame + 38, &ip, 4);
    user->sockets.library->input(user->sockets.slirp, frame, (int)sizeof(frame));
}

static void user_kick(struct device *device, unsigned queue)
{
    struct user *user = (struct user *)device;
    bool first;

    if (!net_begin(&user->net, &first))
        return;
    /* libslirp's clock stands while nothing happens; sockets made now would be too old at once. */
    if (slirp_now_ns() - user->sockets.polled_ns > STALE_CLOCK_NS)
        slirp_sockets_poll(&user->sockets);
    if (queue == NET_TX) {
        net_run_tx(&user->net);
    } else {
        user_drain_backlog(user);
        user_finish(user);
    }
}

static int user_start(struct device *device, struct loop *loop)
{
    struct user *user = (struct user *)device;
    int result;

    user->net.loop = loop;
    /* Paused until the guest has receive buffers: who connects before waits in the backlog of the
     * listening socket. */
    result = loop_watch(loop, user->sockets.epoll_fd, 0, user_on_sockets, user);
    if (result == 0)
        result = loop_timer(loop, user->timer.deadline_ns, user_on_timer, &user->timer);
    if (result < 0)
        backend_complain("--net", user->value, "%s", strerror(-result));
    return result;
}

static void user_destroy(struct device *device)
{
    struct user *user = (struct user *)device;

    user->net.loop = NULL; /* it may be gone, and libslirp's timer with it */
    if (user->sockets.slirp != NULL)
        user->sockets.library->cleanup(user->sockets.slirp);
    slirp_sockets_close(&user->sockets);
    while (user->backlog_first != NULL) {
        struct backlog_frame *frame = user->backlog_first;

        user->backlog_first = frame->next;
        free(frame);
    }
    free(user->value);
    free(user);
}

static const struct device_ops user_ops = {
    .name = "user",
    .start = user_start,
    .kick = user_kick,
    .stats = net_stats,
    .destroy = user_destroy,
};

/* --- opening --- */

/* Reads a port of 1 to 65535 and moves *text behind it; 0 when there is none. */
static int parse_port(const char **text)
{
    unsigned long number;
    char *end;

    if (**text < '0' || **text > '9')
        return 0;
    number = strtoul(*text, &end, 10);
    *text = end;
    return number <= 65535 ? (int)number : 0;
}

static int user_forward(struct user *user, int host_port, int guest_port)
{
    const struct slirp_sockets *sockets = &user->sockets;
    struct in_addr host = {htonl(INADDR_LOOPBACK)}, guest = {htonl(SLIRP_GUEST_IP)};

    errno = EADDRINUSE;
    if (sockets->library->add_hostfwd(sockets->slirp, 0, host, host_port, guest, guest_port) == 0)
        return 0;
    backend_complain("--net", user->value, "port %d of 127.0.0.1: %s", host_port,
                     errno == EADDRINUSE ? "in use by another program" : strerror(errno));
    return -EADDRINUSE;
}

/* HOST:GUEST[,HOST:GUEST]... or nothing at all */
static int user_forward_all(struct user *user, const char *spec)
{
    if (*spec == '\0')
        return 0;
    for (;;) {
        int host_port = parse_port(&spec), guest_port = 0, result;

        if (*spec == ':') {
            spec++;
            guest_port = parse_port(&spec);
        }
        if (host_port == 0 || guest_port == 0 || (*spec != ',' && *spec != '\0')) {
            backend_complain("--net", user->value, "a forward is HOST:GUEST, ports of 1 to 65535");
            return -EINVAL;
        }
        result = user_forward(user, host_port, guest_port);
        if (result < 0 || *spec == '\0')
            return result;
        spec++;
    }
}

static int user_open_network(struct user *user)
{
    struct slirp_sockets *sockets = &user->sockets;
    const char *reason = NULL;
    int result = slirp_sockets_open(sockets);

    if (result == 0)
        result = slirp_library_open(&sockets->library, &reason);
    if (result == 0) {
        slirp_library_resolve(sockets->library);
        sockets->slirp = slirp_library_new(sockets->library, &user_callbacks, user);
        if (sockets->slirp == NULL)
            result = -ENOMEM;
    }
    if (result < 0)
        backend_complain("--net", user->value, "%s%s", reason != NULL ? reason : strerror(-result),
                         reason != NULL ? " (it comes with the package libslirp0)" : "");
    return result;
}

static void user_configure(struct user *user)
{
    static const uint8_t mac[6] = {2, 0, 10, 0, 2, 15};
    struct pvn_net_address *address = &user->net.device.net;
    uint32_t guest = htonl(SLIRP_GUEST_IP);
    uint32_t gateway = htonl(SLIRP_GATEWAY_IP);
    uint32_t nameserver = htonl(SLIRP_NAMESERVER_IP);

    net_configure(&user->net, mac, SLIRP_MTU, 1ull << VIRTIO_NET_F_GUEST_CSUM);
    memcpy(address->ip4, &guest, sizeof(guest));
    memcpy(address->gateway4, &gateway, sizeof(gateway));
    memcpy(address->dns4, &nameserver, sizeof(nameserver));
    address->prefix4 = SLIRP_PREFIX;
}

int net_user_open(const char *spec, struct device **out)
{
    struct user *user = calloc(1, sizeof(*user));
    int result;

    if (user == NULL || asprintf(&user->value, "user%s%s", *spec != '\0' ? "," : "", spec) < 0) {
        backend_complain("--net", "user", "out of memory");
        free(user);
        return -ENOMEM;
    }
    user->sockets.epoll_fd = -1;
    user->backlog_end = &user->backlog_first;
    user->timer.deadline_ns = UINT64_MAX;
    user->net.transmit = user_transmit;
    user->net.transmitted = user_transmitted;
    user->net.device.ops = &user_ops;
    /* A peer that closes early shall be an error of one write, not the end of the monitor. */
    signal(SIGPIPE, SIG_IGN);
    user_configure(user);
    result = user_open_network(user);
    if (result == 0)
        result = user_forward_all(user, spec);
    if (result < 0) {
        user_destroy(&user->net.device);
        return result;
    }
    slirp_sockets_note_listeners(&user->sockets);
    user_announce_guest(user);
    *out = &user->net.device;
    return 0;
}
