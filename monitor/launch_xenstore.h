/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads xenstore from a dom0, over the daemon's socket or, where the daemon has a domain of its own,
 * the kernel's device (xen/io/xs_wire.h). Starting a program for each value costs more than all else.
 */
#ifndef MONITOR_LAUNCH_XENSTORE_H
#define MONITOR_LAUNCH_XENSTORE_H

#include <stddef.h>

/*
 * The value at an absolute path, NUL-terminated; its length, or a negative errno: -ENOENT: there is
 * none; -EMSGSIZE: it is longer than room - 1. Waits for the daemon.
 */
int launch_xenstore_read(const char *path, char *value, size_t room);

#endif
