/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections: reading requests, answering them in order, time-outs. An idle connection holds one
 * struct conn and no buffer. Called by server.c, in one thread.
 */
#ifndef HTTPD_CONN_H
#define HTTPD_CONN_H

#include <stdbool.h>
#include <stdint.h>

struct conn;

/* Sets the epoll descriptor that connections register with, and their patience in seconds. */
void conn_init(int epoll_fd, unsigned idle_s);

/*
 * Takes over a connected, non-blocking socket. peer is the client's address as text. Returns
 * false and leaves the socket to the caller where memory is short.
 */
bool conn_open(int fd, const char *peer);

/* Serves a connection that epoll reported. */
void conn_event(struct conn *c);

/* Closes the connections whose time has run out. */
void conn_expire(void);

/* Milliseconds until conn_expire has something to do, or -1. */
int conn_wait_ms(void);

/* Closes the connection that has been idle for longest, if it is at least a second. */
bool conn_evict_idle(void);

/* Frees closed connections, which may be in a list of events until then. */
void conn_free_closed(void);

#endif
