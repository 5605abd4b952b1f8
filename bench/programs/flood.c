/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams sent as fast as they go, and counted where they arrive: nobody waits for the other, so
 * what the receiver or something on the way cannot take is lost. Bounded in time and in number. An
 * ordinary POSIX program's part; used by bench/programs/stream.c at both ends.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "flood.h"

#include "stream.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#define FLOOD_MOST 1000000u
#define CLOCK_EVERY 16u      /* datagrams */
#define SILENCE_US 300000    /* after which a flood is over */
#define RECEIVE_BYTES 262144 /* that may wait for the one who counts */

uint64_t flood_send(int fd, const struct sockaddr_in *to, uint64_t milliseconds)
{
    static const char data[DATAGRAM_BYTES];
    double end = now_seconds() + (double)milliseconds / 1e3;
    uint64_t taken = 0;

    for (uint64_t tries = 0; taken < FLOOD_MOST; tries++) {
        if (tries % CLOCK_EVERY == 0 && now_seconds() >= end)
            break;
        if (sendto(fd, data, sizeof data, 0, (const struct sockaddr *)to, to ? sizeof *to : 0) > 0)
            taken++;
        else if (errno == ENOBUFS || errno == EAGAIN)
            sched_yield();
        else if (errno != ECONNREFUSED)
            break;
    }
    return taken;
}

uint64_t flood_count(int fd, double *seconds)
{
    struct timeval patience = {.tv_usec = SILENCE_US};
    int bytes = RECEIVE_BYTES;
    char data[2 * DATAGRAM_BYTES];
    double first = 0, last = 0;
    uint64_t count = 0;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (recv(fd, data, sizeof data, 0) >= 0) {
        last = now_seconds();
        if (count++ == 0)
            first = last;
    }
    *seconds = last - first;
    return count;
}
