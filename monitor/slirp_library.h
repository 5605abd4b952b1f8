/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libslirp, opened at run time and only when user networking is asked for: its functions, and the
 * network that it plays. For net_user.c only.
 */
#ifndef MONITOR_SLIRP_LIBRARY_H
#define MONITOR_SLIRP_LIBRARY_H

#include <slirp/libslirp.h>

struct slirp_library {
    Slirp *(*create)(const SlirpConfig *, const SlirpCb *, void *);
    void (*cleanup)(Slirp *);
    void (*fill)(Slirp *, uint32_t *, SlirpAddPollCb, void *);
    void (*poll)(Slirp *, int, SlirpGetREventsCb, void *);
    void (*input)(Slirp *, const uint8_t *, int);
    int (*add_hostfwd)(Slirp *, int, struct in_addr, int, struct in_addr, int);
};

/* The network 10.0.2.0/24 with the gateway .2, the name server .3 and the guest .15, and its IPv6
 * counterpart fd00::/64. */
#define SLIRP_GUEST_IP 0x0a00020fu
#define SLIRP_GATEWAY_IP 0x0a000202u
#define SLIRP_NAMESERVER_IP 0x0a000203u
#define SLIRP_PREFIX 24u
#define SLIRP_MTU 1500u
#define SLIRP_FRAME_MAX (14u + SLIRP_MTU)

/* Opens the library, once: negative errno, with the linker's words in *reason. */
int slirp_library_open(const struct slirp_library **library, const char **reason);

/* A new network. `callbacks` and `opaque` live as long as it. NULL on failure. */
Slirp *slirp_library_new(const struct slirp_library *library, const SlirpCb *callbacks,
                         void *opaque);

/*
 * Makes libslirp read /etc/resolv.conf now, for both address families, and remember the file's
 * identity: later it only asks whether that has changed.
 */
void slirp_library_resolve(const struct slirp_library *library);

#endif
