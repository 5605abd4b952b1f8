/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop, see server.h: one thread, level-triggered epoll. Where descriptors or memory
 * run out, new connections wait in the listening sockets' backlog until there is room.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "filecache.h"
#include "log.h"
#include "metrics.h"

enum {
    EVENTS_PER_TURN = 64,
    ACCEPTS_PER_TURN = 64,
    BACKLOG = 1024,
    PAUSE_MS = 100,
};

static const struct listener_kind {
    int family;
    const char *name;
} listener_kinds[] = {{AF_INET, "IPv4"}, {AF_INET6, "IPv6"}};

enum { LISTENERS = sizeof(listener_kinds) / sizeof(listener_kinds[0]) };

static struct server {
    int epoll_fd;
    int listener[LISTENERS]; /* -1 where the system lacks that family */
    unsigned max_conns;
    bool paused;          /* listeners are not watched */
    int64_t resume_ms;    /* when they are again at the latest */
    uint64_t paused_with; /* connections at that time: with fewer it is worth a try */
} server;

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static bool set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL, 0);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Fills in "any address" of a family. Returns its length. */
static socklen_t any_address(int family, uint16_t port, struct sockaddr_storage *storage)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(storage, 0, sizeof(*storage));
    if (family == AF_INET) {
        memcpy(storage, &in4, sizeof(in4));
        return sizeof(in4);
    }
    memcpy(storage, &in6, sizeof(in6));
    return sizeof(in6);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage storage;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    socklen_t len = sizeof(storage);

    memset(&storage, 0, sizeof(storage));
    if (getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
        return 0;
    memcpy(&in4, &storage, sizeof(in4));
    memcpy(&in6, &storage, sizeof(in6));
    return ntohs(storage.ss_family == AF_INET ? in4.sin_port : in6.sin6_port);
}

/* Returns a listening socket, or -1 with errno. */
static int listen_on(int family, uint16_t port)
{
    struct sockaddr_storage address;
    socklen_t len = any_address(family, port, &address);
    int fd = socket(family, SOCK_STREAM, 0);
    int on = 1, error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if ((family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0 &&
        set_nonblocking(fd))
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Is it an error that says that there is no such family here? */
static bool family_missing(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

static bool open_listeners(const struct server_options *options)
{
    uint16_t port = options->port;
    const char *names[LISTENERS] = {NULL};
    int count = 0;

    for (int i = 0; i < LISTENERS; i++) {
        int fd = listen_on(listener_kinds[i].family, port);

        server.listener[i] = fd;
        if (fd < 0 && !family_missing(errno)) {
            fprintf(stderr, "httpd: cannot listen on port %u (%s): %s\n", (unsigned)port,
                    listener_kinds[i].name, strerror(errno));
            return false;
        }
        if (fd < 0)
            continue;
        port = port_of(fd);
        names[count++] = listener_kinds[i].name;
    }
    if (count == 0) {
        fprintf(stderr, "httpd: cannot listen on port %u: there is no network\n", (unsigned)port);
        return false;
    }
    fprintf(stderr, "httpd: serving %s on port %u (%s%s%s)\n", options->root, (unsigned)port,
            names[0], count > 1 ? ", " : "", count > 1 ? names[1] : "");
    return true;
}

/* Watches the listeners. False where epoll refuses. */
static bool resume_accepting(void)
{
    for (int i = 0; i < LISTENERS; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &server.listener[i]};

        if (server.listener[i] >= 0 &&
            epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, server.listener[i], &ev) != 0 &&
            errno != EEXIST)
            return false;
    }
    server.paused = false;
    return true;
}

static void pause_accepting(void)
{
    struct epoll_event ev = {.events = 0};

    for (int i = 0; i < LISTENERS && !server.paused; i++)
        if (server.listener[i] >= 0)
            epoll_ctl(server.epoll_fd, EPOLL_CTL_DEL, server.listener[i], &ev);
    metrics.accept_pauses += !server.paused;
    server.paused = true;
    server.paused_with = metrics.connections_active;
    server.resume_ms = clock_now.mono_ms + PAUSE_MS;
}

static void resume_when_due(void)
{
    if (server.paused &&
        (clock_now.mono_ms >= server.resume_ms ||
         metrics.connections_active < server.paused_with) &&
        !resume_accepting())
        server.resume_ms = clock_now.mono_ms + PAUSE_MS;
}

static void take_over(int fd, const struct sockaddr_storage *address)
{
    char peer[INET6_ADDRSTRLEN] = "-";
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    int on = 1;

    memcpy(&in4, address, sizeof(in4));
    memcpy(&in6, address, sizeof(in6));
    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &in4.sin_addr, peer, sizeof(peer));
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &in6.sin6_addr, peer, sizeof(peer));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!set_nonblocking(fd) || !conn_open(fd, peer)) {
        metrics.connections_rejected++;
        close(fd);
    }
}

static void accept_connections(int listener)
{
    bool full = false;

    /* One that is idle makes room for one that waits; the next turn tells whether more wait. */
    for (int i = 0; i < ACCEPTS_PER_TURN && !full; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);
        int fd;

        full = metrics.connections_active >= server.max_conns;
        if (full && !conn_evict_idle()) {
            pause_accepting();
            return;
        }
        memset(&address, 0, sizeof(address));
        fd = accept(listener, (struct sockaddr *)&address, &len);
        if (fd >= 0) {
            metrics.connections_accepted++;
            take_over(fd, &address);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            filecache_drop();
            conn_evict_idle();
            pause_accepting();
            return;
        }
    }
}

static void handle_event(const struct epoll_event *ev)
{
    for (int i = 0; i < LISTENERS; i++) {
        if (ev->data.ptr == &server.listener[i]) {
            if (!server.paused)
                accept_connections(server.listener[i]);
            return;
        }
    }
    conn_event(ev->data.ptr);
}

/* The least of two waits in milliseconds, where -1 is for ever. */
static int sooner(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int wait_ms(void)
{
    int wait = sooner(conn_wait_ms(), log_wait_ms());
    int64_t pause = server.resume_ms - clock_now.mono_ms;

    return server.paused ? sooner(wait, pause > 0 ? (int)pause : 0) : wait;
}

static int run_loop(void)
{
    struct epoll_event events[EVENTS_PER_TURN];

    while (!stop) {
        int n = epoll_wait(server.epoll_fd, events, EVENTS_PER_TURN, wait_ms());

        clock_update();
        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "httpd: epoll_wait: %s\n", strerror(errno));
            return 1;
        }
        for (int i = 0; i < n; i++)
            handle_event(&events[i]);
        conn_expire();
        resume_when_due();
        conn_free_closed();
        if (n == 0 || log_wait_ms() == 0)
            log_flush();
    }
    return 0;
}

int server_run(const struct server_options *options)
{
    int status = 1;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    server.max_conns = options->max_conns;
    clock_update();
    server.epoll_fd = epoll_create1(0);
    if (server.epoll_fd < 0) {
        fprintf(stderr, "httpd: epoll: %s\n", strerror(errno));
        return 1;
    }
    conn_init(server.epoll_fd, options->idle_s);
    if (open_listeners(options)) {
        if (resume_accepting())
            status = run_loop();
        else
            fprintf(stderr, "httpd: epoll: %s\n", strerror(errno));
    }
    log_flush();
    return status;
}
