/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Xen's watchdog (xen/sched.h, SCHEDOP_watchdog), where the command line asks for it: Xen ends the
 * domain, with SHUTDOWN_watchdog, when it was not patted for watchdog= seconds. Whoever pats runs in
 * the kernel's thread for the host's requests: a guest that takes no events, or whose scheduler is
 * stuck, does not pat. For requests.c, balloon.c and the domain's end.
 */
#ifndef XEN_WATCHDOG_H
#define XEN_WATCHDOG_H

#include <stdint.h>

/* Arms it or pats it; makes *again_ns, when to call again at the latest, small enough. */
void xen_watchdog_pat(uint64_t *again_ns);
/* Before the domain is suspended, and at its end: nobody pats then. The next pat arms it again. */
void xen_watchdog_stop(void);

#endif
