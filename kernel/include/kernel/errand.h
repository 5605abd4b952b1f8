/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system's errand: work that events ask for and that whoever waits anyway may do, so that no thread
 * has to be switched to for it. The network's received frames are such work: a thread that sleeps until
 * one of its sockets is ready handles the frame that makes it so.
 *
 *     errand_start("net", stack_bytes, work);   once; a thread of its own does what nobody else does
 *     errand_wanted();                          in an event handler: work() is to be called soon
 *     errand_park(deadline_ns);                 in place of thread_park
 */
#ifndef KERNEL_ERRAND_H
#define KERNEL_ERRAND_H

#include <stddef.h>
#include <stdint.h>

/* There is one errand. `run` is called without locks, never in two calls nested, but perhaps by two
 * threads at a time; it may block. 0, -ENOMEM. */
int errand_start(const char *name, size_t stack_bytes, void (*run)(void));
/* Any context. Every call is followed by a call of `run` that begins after it. */
void errand_wanted(void);
/* Sleeps like thread_park, and may run the errand on the caller's stack, if that has room: so without
 * locks that the errand takes. Returns 0 after it has: callers loop on their condition. */
int errand_park(uint64_t deadline_ns);

#endif
