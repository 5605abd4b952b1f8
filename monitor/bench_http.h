/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks an HTTP server that is still starting, again and again, until the first byte of an answer comes.
 * For bench_boot.c; one thread.
 */
#ifndef MONITOR_BENCH_HTTP_H
#define MONITOR_BENCH_HTTP_H

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

#define BENCH_HTTP_TRIES 32u

struct bench_http {
    struct sockaddr_in address;
    char request[1024];
    char interface[16]; /* the tap that must be up before anybody is asked; "": none */
    struct bench_try {
        int fd; /* -1: free */
        bool asked;
    } tries[BENCH_HTTP_TRIES];
    uint64_t next_ns; /* when to begin another try */
};

/* [ADDRESS:]PORT[/PATH] of options->http. 0, or a negative errno and a printed line. */
int bench_http_open(struct bench_http *http, const struct options *options);

/* Whether another program listens there: on addresses of this host's loopback, where one that does
 * answers at once. */
bool bench_http_is_taken(const struct bench_http *http);

/* Before each boot, and after the last one: forgets all tries. */
void bench_http_reset(struct bench_http *http);

/* Goes on with what is to be done; adds what to wait for to `polls` (room for BENCH_HTTP_TRIES).
 * Returns how many. *wait_ns: no longer than that. */
unsigned bench_http_turn(struct bench_http *http, struct pollfd *polls, uint64_t *wait_ns);

/* What the wait brought. True: the first byte of an answer is here. */
bool bench_http_take(struct bench_http *http, const struct pollfd *polls, unsigned count);

#endif
