/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host sockets of one libslirp network, in an epoll set of their own: the loop watches one
 * descriptor, by which all of them are paused and resumed at once. For net_user.c only.
 *
 *     slirp_sockets_open, forwards are added, slirp_sockets_note_listeners
 *     each time something happened:
 *         slirp_sockets_collect (the set is readable) or slirp_sockets_poll (time passed, or frames
 *         came from the guest), then slirp_sockets_refill
 */
#ifndef MONITOR_SLIRP_SOCKETS_H
#define MONITOR_SLIRP_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "slirp_library.h"

struct pollfd;
struct slirp_socket;

struct slirp_sockets {
    const struct slirp_library *library;
    Slirp *slirp;
    int epoll_fd;
    struct slirp_socket *table; /* indexed by descriptor */
    unsigned table_size;
    struct pollfd *listeners;
    unsigned listener_count;
    unsigned live_count;       /* sockets of connections, listening ones not counted */
    unsigned files_max;        /* descriptors that this process may have */
    int *named, *named_before; /* descriptors of this and of the last round of filling */
    unsigned named_count, named_before_count, named_size;
    uint32_t round;
    uint64_t polled_ns; /* CLOCK_MONOTONIC when libslirp's clock was last set */
};

uint64_t slirp_now_ns(void);

/* Negative errno. The network is set before the first refill. */
int slirp_sockets_open(struct slirp_sockets *sockets);
void slirp_sockets_close(struct slirp_sockets *sockets);

/* Finds the sockets that listen, and gives them room for a crowd: libslirp asks for a backlog of
 * 1. */
void slirp_sockets_note_listeners(struct slirp_sockets *sockets);

/* libslirp opened or closed a descriptor. */
void slirp_sockets_add(struct slirp_sockets *sockets, int fd);
void slirp_sockets_remove(struct slirp_sockets *sockets, int fd);

/* Lets libslirp work on the sockets that are ready, if any, and on what time has brought. */
void slirp_sockets_collect(struct slirp_sockets *sockets);
void slirp_sockets_poll(struct slirp_sockets *sockets);

/* Asks libslirp which sockets it waits for. Returns in how many milliseconds it wants to be
 * called at the latest, UINT32_MAX: not before something happens. */
uint32_t slirp_sockets_refill(struct slirp_sockets *sockets);

#endif
