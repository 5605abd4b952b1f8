/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the monitor gives up before the guest's first instruction. In this order, after every file
 * is open; both print their own line and return a negative errno when that is not possible.
 */
#ifndef MONITOR_SANDBOX_H
#define MONITOR_SANDBOX_H

#include <stdbool.h>

/* Capabilities, the way to get new ones, and root's identity. Before any thread is made. */
int sandbox_drop_privileges(void);

/* The system-call filter, for all threads. */
int sandbox_close(bool user_network);

#endif
