/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens libslirp and makes it ready for a process that will soon open no more files. Called by
 * net_user_open, before the VM exists.
 */
#include "slirp_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "say.h"

#define LIBRARY_NAME "libslirp.so.0"

static struct slirp_library functions;

/* What GLib would print for libslirp. A guest can cause some of it, so it is said once; and GLib's
 * own way of printing asks for system calls that the filter does not allow. */
static void library_log(const char *domain, int level, const char *text, void *opaque)
{
    static bool told;

    (void)level;
    (void)opaque;
    if (!told)
        say("%s: %s", domain != NULL ? domain : "libslirp", text);
    told = true;
}

static void library_set_log(void *handle)
{
    typedef void (*log_function)(const char *, int, const char *, void *);
    log_function (*set_handler)(log_function, void *);
    void *address = dlsym(handle, "g_log_set_default_handler");

    if (address == NULL)
        return; /* a libslirp without GLib */
    memcpy(&set_handler, &address, sizeof(address));
    set_handler(library_log, NULL);
}

int slirp_library_open(const struct slirp_library **library, const char **reason)
{
    static const struct {
        const char *name;
        size_t offset;
    } symbols[] = {
        {"slirp_new", offsetof(struct slirp_library, create)},
        {"slirp_cleanup", offsetof(struct slirp_library, cleanup)},
        {"slirp_pollfds_fill", offsetof(struct slirp_library, fill)},
        {"slirp_pollfds_poll", offsetof(struct slirp_library, poll)},
        {"slirp_input", offsetof(struct slirp_library, input)},
        {"slirp_add_hostfwd", offsetof(struct slirp_library, add_hostfwd)},
    };
    void *handle = dlopen(LIBRARY_NAME, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL)
        goto fail;
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *address = dlsym(handle, symbols[i].name);

        if (address == NULL)
            goto fail;
        memcpy((char *)&functions + symbols[i].offset, &address, sizeof(address));
    }
    library_set_log(handle);
    *library = &functions;
    return 0;

fail:
    *reason = dlerror();
    return -ENOENT;
}

static Slirp *network_new(const struct slirp_library *library, const SlirpCb *callbacks,
                          void *opaque, struct sockaddr_in *outbound)
{
    SlirpConfig config = {
        .version = 2, /* the first that knows outbound_addr */
        .in_enabled = true,
        .vnetwork.s_addr = htonl(SLIRP_GUEST_IP & UINT32_MAX << (32 - SLIRP_PREFIX)),
        .vnetmask.s_addr = htonl(UINT32_MAX << (32 - SLIRP_PREFIX)),
        .vhost.s_addr = htonl(SLIRP_GATEWAY_IP),
        .vdhcp_start.s_addr = htonl(SLIRP_GUEST_IP),
        .vnameserver.s_addr = htonl(SLIRP_NAMESERVER_IP),
        .in6_enabled = true,
        .vprefix_len = 64,
        .if_mtu = SLIRP_MTU,
        .if_mru = SLIRP_MTU,
        .outbound_addr = outbound,
    };

    inet_pton(AF_INET6, "fd00::", &config.vprefix_addr6);
    inet_pton(AF_INET6, "fd00::2", &config.vhost6);
    inet_pton(AF_INET6, "fd00::3", &config.vnameserver6);
    return library->create(&config, callbacks, opaque);
}

Slirp *slirp_library_new(const struct slirp_library *library, const SlirpCb *callbacks,
                         void *opaque)
{
    return network_new(library, callbacks, opaque, NULL);
}

/*
 * Reading the name servers early. libslirp reads them when it translates the first packet to its
 * own name server, and asks for the file's identity only when the answer is older than a second. So
 * a network that lives for a moment sees two such packets, five seconds apart by its clock. They do
 * not leave the host: their socket is bound to 127.0.0.1. The IPv6 server is read for a router
 * advertisement, which the network's one timer sends.
 */
struct rehearsal {
    int64_t now_ns;
    SlirpTimerCb advertise;
    void *advertise_opaque;
};

static ssize_t rehearsal_send(const void *frame, size_t bytes, void *opaque)
{
    (void)frame;
    (void)opaque;
    return (ssize_t)bytes;
}

static void rehearsal_error(const char *text, void *opaque)
{
    (void)text;
    (void)opaque;
}

static int64_t rehearsal_clock(void *opaque)
{
    return ((const struct rehearsal *)opaque)->now_ns;
}

static void *rehearsal_timer_new(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
    struct rehearsal *rehearsal = opaque;

    rehearsal->advertise = callback;
    rehearsal->advertise_opaque = callback_opaque;
    return rehearsal;
}

static void rehearsal_timer_free(void *timer, void *opaque)
{
    (void)timer;
    (void)opaque;
}

static void rehearsal_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    (void)timer;
    (void)expire_ms;
    (void)opaque;
}

static void rehearsal_poll_fd(int fd, void *opaque)
{
    (void)fd;
    (void)opaque;
}

static void rehearsal_notify(void *opaque)
{
    (void)opaque;
}

static int rehearsal_revents(int index, void *opaque)
{
    (void)index;
    (void)opaque;
    return 0;
}

static const SlirpCb rehearsal_callbacks = {
    .send_packet = rehearsal_send,
    .guest_error = rehearsal_error,
    .clock_get_ns = rehearsal_clock,
    .timer_new = rehearsal_timer_new,
    .timer_free = rehearsal_timer_free,
    .timer_mod = rehearsal_timer_mod,
    .register_poll_fd = rehearsal_poll_fd,
    .unregister_poll_fd = rehearsal_poll_fd,
    .notify = rehearsal_notify,
};

void slirp_library_resolve(const struct slirp_library *library)
{
    /* An empty UDP packet from the guest to port 53 of the name server. */
    static const uint8_t query[] = {
        0x52, 0x55, 10, 0,  2,  3, 2, 0, 10,   0,  2,    15,   0x08, 0x00, /* Ethernet: IPv4 */
        0x45, 0,    0,  28, 0,  1, 0, 0, 2,    17, 0xa0, 0xbf,             /* TTL 2, UDP */
        10,   0,    2,  15, 10, 0, 2, 3, 0xc0, 0,  0,    53,   0,    8,    0, 0,
    };
    struct sockaddr_in loopback = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct rehearsal rehearsal = {0};
    struct timespec now;
    Slirp *slirp;

    clock_gettime(CLOCK_MONOTONIC, &now);
    rehearsal.now_ns = now.tv_sec * 1000000000;
    slirp = network_new(library, &rehearsal_callbacks, &rehearsal, &loopback);
    if (slirp == NULL)
        return;
    for (int round = 0; round < 2; round++) {
        rehearsal.now_ns += 5000000000;
        library->poll(slirp, 0, rehearsal_revents, &rehearsal);
        library->input(slirp, query, (int)sizeof(query));
        if (rehearsal.advertise != NULL)
            rehearsal.advertise(rehearsal.advertise_opaque);
    }
    library->cleanup(slirp);
}
