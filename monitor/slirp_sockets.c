/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translates between libslirp, which names all its sockets before and after each wait, and epoll,
 * which is told only what has changed. Runs on the loop's thread.
 */
#include "slirp_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096
#define FILES_WANTED 65536u
#define FILES_SPARE 64u /* descriptors that new connections leave free */
#define EVENTS_PER_WAIT 256
#define ACCEPTS_PER_TURN 32u
#define FAST_TICK_MS 2u /* what libslirp asks for while it delays ACKs */

struct slirp_socket {
    uint32_t epoll_events; /* as it is in the set now; 0: not in it */
    uint32_t round;        /* of filling that named it last */
    int revents;           /* SLIRP_POLL_*, for the next poll */
    bool live;
    bool listens;
};

uint64_t slirp_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Each connection costs a descriptor: take what the hard limit allows. */
static unsigned files_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < FILES_WANTED) {
        struct rlimit more = limit;

        more.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            limit = more;
    }
    return limit.rlim_cur < FILES_WANTED ? (unsigned)limit.rlim_cur : FILES_WANTED;
}

int slirp_sockets_open(struct slirp_sockets *sockets)
{
    *sockets = (struct slirp_sockets){.files_max = files_raise_limit()};
    sockets->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return sockets->epoll_fd < 0 ? -errno : 0;
}

void slirp_sockets_close(struct slirp_sockets *sockets)
{
    if (sockets->epoll_fd >= 0)
        close(sockets->epoll_fd);
    free(sockets->listeners);
    free(sockets->table);
    free(sockets->named);
    free(sockets->named_before);
}

/* The entry of a descriptor; NULL without memory for it. */
static struct slirp_socket *socket_at(struct slirp_sockets *sockets, int fd)
{
    unsigned size = sockets->table_size == 0 ? 64 : sockets->table_size;
    struct slirp_socket *table;

    if (fd < 0)
        return NULL;
    if ((unsigned)fd < sockets->table_size)
        return &sockets->table[fd];
    while (size <= (unsigned)fd)
        size *= 2;
    table = realloc(sockets->table, size * sizeof(*table));
    if (table == NULL)
        return NULL;
    memset(table + sockets->table_size, 0, (size - sockets->table_size) * sizeof(*table));
    sockets->table = table;
    sockets->table_size = size;
    return &table[fd];
}

static void socket_want(struct slirp_sockets *sockets, int fd, uint32_t events)
{
    struct slirp_socket *socket = &sockets->table[fd];
    struct epoll_event event = {.events = events, .data.fd = fd};
    int operation = events == 0                 ? EPOLL_CTL_DEL
                    : socket->epoll_events == 0 ? EPOLL_CTL_ADD
                                                : EPOLL_CTL_MOD;

    if (socket->epoll_events == events)
        return;
    /* A socket that was closed without a word has left the set; its number may be in use again. */
    if (epoll_ctl(sockets->epoll_fd, operation, fd, &event) < 0 && errno == ENOENT && events != 0)
        epoll_ctl(sockets->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    socket->epoll_events = events;
}

void slirp_sockets_add(struct slirp_sockets *sockets, int fd)
{
    struct slirp_socket *socket = socket_at(sockets, fd);

    if (socket == NULL || socket->listens || socket->live)
        return;
    socket->live = true;
    sockets->live_count++;
}

void slirp_sockets_remove(struct slirp_sockets *sockets, int fd)
{
    if (fd < 0 || (unsigned)fd >= sockets->table_size)
        return;
    socket_want(sockets, fd, 0);
    sockets->live_count -= sockets->table[fd].live;
    sockets->table[fd] = (struct slirp_socket){0};
}

static int note_listener(int fd, int events, void *opaque)
{
    struct slirp_sockets *sockets = opaque;
    struct slirp_socket *socket = socket_at(sockets, fd);
    size_t bytes = (sockets->listener_count + 1) * sizeof(*sockets->listeners);
    struct pollfd *listeners = realloc(sockets->listeners, bytes);

    (void)events;
    /* A peer may have gone before it is accepted: that must not make us wait for the next one. */
    fcntl(fd, F_SETFL, O_NONBLOCK);
    listen(fd, LISTEN_BACKLOG);
    if (socket != NULL)
        socket->listens = true;
    if (listeners != NULL) {
        sockets->listeners = listeners;
        listeners[sockets->listener_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return -1;
}

void slirp_sockets_note_listeners(struct slirp_sockets *sockets)
{
    uint32_t timeout_ms = UINT32_MAX;

    sockets->library->fill(sockets->slirp, &timeout_ms, note_listener, sockets);
}

/* There is a descriptor for one more connection. */
static bool may_accept(const struct slirp_sockets *sockets)
{
    return sockets->live_count + FILES_SPARE < sockets->files_max;
}

static bool named_reserve(struct slirp_sockets *sockets)
{
    unsigned size = sockets->named_size == 0 ? 64 : sockets->named_size * 2;
    int *list;

    if (sockets->named_count < sockets->named_size)
        return true;
    list = realloc(sockets->named, size * sizeof(*list));
    if (list == NULL)
        return false;
    sockets->named = list;
    list = realloc(sockets->named_before, size * sizeof(*list));
    if (list == NULL)
        return false;
    sockets->named_before = list;
    sockets->named_size = size;
    return true;
}

static int fill_add(int fd, int events, void *opaque)
{
    struct slirp_sockets *sockets = opaque;
    struct slirp_socket *socket = socket_at(sockets, fd);
    uint32_t wanted = 0;

    if (socket == NULL || !named_reserve(sockets))
        return -1;
    sockets->named[sockets->named_count++] = fd;
    socket->round = sockets->round;

    if ((events & SLIRP_POLL_IN) != 0)
        wanted |= EPOLLIN;
    if ((events & SLIRP_POLL_OUT) != 0)
        wanted |= EPOLLOUT;
    if ((events & SLIRP_POLL_PRI) != 0)
        wanted |= EPOLLPRI;
    /* Accepting without a descriptor to spare would fail at once, again and again. */
    if (socket->listens && !may_accept(sockets))
        wanted = 0;
    socket_want(sockets, fd, wanted);
    return fd;
}

uint32_t slirp_sockets_refill(struct slirp_sockets *sockets)
{
    uint32_t timeout_ms = UINT32_MAX;
    int *named = sockets->named;

    sockets->named = sockets->named_before;
    sockets->named_before = named;
    sockets->named_before_count = sockets->named_count;
    sockets->named_count = 0;
    sockets->round++;
    sockets->library->fill(sockets->slirp, &timeout_ms, fill_add, sockets);
    for (unsigned i = 0; i < sockets->named_before_count; i++) {
        int fd = sockets->named_before[i];

        if (sockets->table[fd].round != sockets->round)
            socket_want(sockets, fd, 0);
    }
    /* libslirp would like to be called once a second even when nothing happens, but its slow timers
     * matter only to sockets that are in use. Idle means idle. */
    return sockets->live_count > 0 || timeout_ms <= FAST_TICK_MS ? timeout_ms : UINT32_MAX;
}

static int poll_revents(int index, void *opaque)
{
    const struct slirp_sockets *sockets = opaque;

    if (index < 0 || (unsigned)index >= sockets->table_size)
        return 0;
    return sockets->table[index].revents;
}

void slirp_sockets_poll(struct slirp_sockets *sockets)
{
    sockets->polled_ns = slirp_now_ns();
    sockets->library->poll(sockets->slirp, 0, poll_revents, sockets);
}

/* libslirp accepts one connection in each poll. Those that are there already shall not wait until
 * all other sockets had their turn once more. */
static void accept_more(struct slirp_sockets *sockets)
{
    for (unsigned turn = 0; turn < ACCEPTS_PER_TURN && may_accept(sockets); turn++) {
        if (poll(sockets->listeners, sockets->listener_count, 0) <= 0)
            return;
        for (unsigned i = 0; i < sockets->listener_count; i++)
            if (sockets->listeners[i].revents != 0)
                sockets->table[sockets->listeners[i].fd].revents = SLIRP_POLL_IN;
        slirp_sockets_poll(sockets);
        for (unsigned i = 0; i < sockets->listener_count; i++)
            sockets->table[sockets->listeners[i].fd].revents = 0;
    }
}

void slirp_sockets_collect(struct slirp_sockets *sockets)
{
    static const struct {
        uint32_t epoll;
        int slirp;
    } names[] = {
        {EPOLLIN, SLIRP_POLL_IN},   {EPOLLOUT, SLIRP_POLL_OUT}, {EPOLLPRI, SLIRP_POLL_PRI},
        {EPOLLERR, SLIRP_POLL_ERR}, {EPOLLHUP, SLIRP_POLL_HUP},
    };
    struct epoll_event events[EVENTS_PER_WAIT];
    int count = epoll_wait(sockets->epoll_fd, events, EVENTS_PER_WAIT, 0);
    bool accepted = false;

    for (int i = 0; i < count; i++) {
        struct slirp_socket *socket = &sockets->table[events[i].data.fd];

        for (unsigned j = 0; j < sizeof(names) / sizeof(names[0]); j++)
            if ((events[i].events & names[j].epoll) != 0)
                socket->revents |= names[j].slirp;
        accepted |= socket->listens;
    }
    slirp_sockets_poll(sockets);
    for (int i = 0; i < count; i++)
        sockets->table[events[i].data.fd].revents = 0;
    if (accepted)
        accept_more(sockets);
}
