/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's ring, which output (console.c) and input (console_read.c) share. Each way has its own
 * bytes and its own mark, DLE and one byte. For these two files only.
 */
#ifndef XEN_CONSOLE_H
#define XEN_CONSOLE_H

#include "xen.h"

#include <xen/io/console.h>

#define DLE 0x10
#define XEN_CONSOLE_ASK 0x04 /* outwards: up to 1024 bytes of input are wanted */
#define XEN_CONSOLE_END 0x04 /* inwards: the end of input */

struct xen_console {
    struct xencons_interface *ring;
    uint32_t port;
    uint32_t out_prod; /* ours, as in_cons: what the other side writes over it is not looked at */
    uint32_t in_cons;
    enum pv_channel channel;
    unsigned in_event; /* 0: nobody reads input */
    bool asks;         /* the mark for it is still to be written */
};
extern struct xen_console xen_console;

/* Gives the ring up with one line. */
void xen_console_fail(const char *why);

#endif
