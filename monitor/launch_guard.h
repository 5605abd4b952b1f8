/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sees to it that a domain does not outlive the process that runs it, however that ends: a process of
 * its own waits for that end, and destroys the domain. Called by launch_xen.c.
 */
#ifndef MONITOR_LAUNCH_GUARD_H
#define MONITOR_LAUNCH_GUARD_H

#include <sys/types.h>

struct launch_guard {
    pid_t pid;   /* 0: there is none */
    int alive;   /* open as long as this process is */
    int creator; /* handed on to the program that makes the domain, open as long as either is */
};

/*
 * `destroy` is the command that destroys the domain; it fails when there is none. The program that
 * makes the domain, started after this call, inherits guard->creator. 0 or a negative errno.
 */
int launch_guard_start(struct launch_guard *guard, char *const *destroy);
/* The domain is there, and who made it only waits for its end. */
void launch_guard_made(const struct launch_guard *guard);
/* The domain is gone. */
void launch_guard_end(struct launch_guard *guard);

#endif
