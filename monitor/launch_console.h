/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's one console as a file that is read and written, and standard input on its way there. The
 * output is taken apart by launch_split.h; input goes as far as the guest has asked for it there, so
 * that what no guest reads stays where it was. On the way in a byte 0x10 is doubled, and 0x10 and
 * 0x04 are the end. For launch_from_console.c.
 */
#ifndef MONITOR_LAUNCH_CONSOLE_H
#define MONITOR_LAUNCH_CONSOLE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "launch_split.h"

#define LAUNCH_CONSOLE_ASKED_BYTES 1024u /* at most, each time that the guest asks */

struct launch_console {
    int fd;    /* the console, not blocking; -1: it is not open, or has ended */
    int input; /* what the guest reads; -1: there is nothing, or no more */
    struct launch_split split;
    bool end_told;
    char waiting[2 * LAUNCH_CONSOLE_ASKED_BYTES]; /* for the guest */
    size_t count, done;
};

/* What to wait for so that input gets on; fd -1: nothing. */
struct pollfd launch_console_poll(struct launch_console *console);
/* That has come. */
void launch_console_feed(struct launch_console *console);

#endif
