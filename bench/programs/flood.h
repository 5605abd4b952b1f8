/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams sent as fast as they go, for bench/programs/stream.c. */
#ifndef BENCH_FLOOD_H
#define BENCH_FLOOD_H

#include <netinet/in.h>
#include <stdint.h>

#define DATAGRAM_BYTES 64u

/* Sends datagrams, to `to` or (NULL) to whom the socket is connected, without waiting for anybody,
 * for so many milliseconds, but no more than a million. How many the system has taken. */
uint64_t flood_send(int fd, const struct sockaddr_in *to, uint64_t milliseconds);

/* Counts datagrams that come in until none has for some time: how many; the seconds from the first
 * to the last go to `seconds`. */
uint64_t flood_count(int fd, double *seconds);

#endif
