/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwarded ports under QEMU: it listens with room for one waiting connection, so that of a burst
 * the others are lost or wait for a retransmission. For launch_from_pipes.c only.
 */
#ifndef MONITOR_LAUNCH_BACKLOG_H
#define MONITOR_LAUNCH_BACKLOG_H

#include <sys/types.h>

/*
 * Makes room for more at each TCP socket on which the child `pid` listens: a descriptor of such a
 * socket is borrowed, and listen() called again. How many there are by now, or a negative errno
 * when this process may not (before Linux 5.6, or under a system-call filter).
 */
int launch_backlog_widen(pid_t pid);

#endif
