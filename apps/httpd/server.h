/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets, the acceptance of connections and the event loop. Called by main.c. */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include <stdint.h>

struct server_options {
    const char *root;
    uint16_t port; /* 0: any free one */
    unsigned max_conns;
    unsigned idle_s; /* patience with connections on which nothing happens */
};

/*
 * Listens on all addresses, IPv4 and IPv6 as far as there are any, says so on standard error, and
 * serves until SIGINT or SIGTERM. Returns the exit status: 0, or 1 after a message.
 */
int server_run(const struct server_options *options);

#endif
