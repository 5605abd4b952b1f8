/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What PV and PVH share, and how each start hands over to it: event channels, clock, console, the
 * operations of struct pv_platform. For pvabi/xen only. What frontends may ask stands in host.h.
 *
 * The start, for both:
 *     xen_hypercall_kind = ...; pv_machine = ...;
 *     xen_console_start(ring, port);        from now on there are words
 *     xen_shared_start(shared_info, how);   vCPU, clock
 *     xen_store = ...; xen_store_port = ...;
 */
#ifndef XEN_XEN_H
#define XEN_XEN_H

#include "host.h"
#include "hypercall.h"
#include "platform.h"
#include "pvabi/cmdline.h"
#include "pvabi/probe.h"
#include "pvabi/report.h"

#define XEN_PAGE 4096ull

/* What a restored domain finds in place of what it had. */
struct xenstore_domain_interface;
struct xencons_interface;
struct xen_resumed {
    struct shared_info *shared;
    struct xencons_interface *console;
    struct xenstore_domain_interface *store;
    uint32_t console_port, store_port;
};

/* What differs between PV and PVH after the start. */
struct xen_flavour {
    /* Suspends the domain, masked. 0: it was restored, and *resumed is filled in; 1: that was
     * cancelled, and nothing has changed; or a negative errno. NULL: it cannot. */
    int (*suspend)(struct xen_resumed *resumed);
    /* host.h: xen_grant_table_map */
    void *(*grant_table_map)(unsigned index);
    /* The frame number of each page of RAM by its place; NULL: they are the same (PVH). */
    const uint64_t *frames;
};

/* ---- events.c ---------------------------------------------------------------------------- */

/* The page that holds all events of the domain. */
extern struct shared_info *xen_shared_info;

/* Our vCPU. Registered with Xen instead of the one in the shared page, because arch/x86_64/upcall.S
 * wants restart_sp where the native interface has it. */
struct xen_vcpu {
    struct vcpu_info info;
    uint64_t reserved;
    uint64_t restart_sp;
} __attribute__((aligned(128)));
extern struct xen_vcpu xen_vcpu;

extern const struct xen_flavour *xen_flavour;

/* Registers the vCPU and the clock; no event is open yet. */
void xen_shared_start(struct shared_info *shared, const struct xen_flavour *flavour);
/* Gives a port an event and opens it. `once`: it is masked whenever it was taken, until
 * xen_channel_unmask. 0 or -ENOMEM. */
int xen_port_bind(uint32_t port, unsigned event, bool once);
/* All channels are gone, but not the events' numbers. */
void xen_ports_forget(void);
/* An event that nobody has; 0: none left. */
unsigned xen_event_new(void);
/* Sleeps until a bound port is pending or Xen's time reaches the deadline (not 0); masked. */
void xen_ports_wait(uint64_t deadline_ns);
/* pv_platform.events_take, .wait and .timer_set. */
void xen_events_take(uint64_t taken[PV_EVENT_WORDS]);
void xen_wait(uint64_t deadline_ns);
void xen_timer_set(uint64_t deadline_ns);

/* ---- clock.c ----------------------------------------------------------------------------- */

void xen_clock_start(void);
/* The wall clock may have changed: looks, and costs next to nothing. */
void xen_clock_refresh(void);

/* ---- console.c --------------------------------------------------------------------------- */

/* `ring` NULL: this domain has none (dom0): console_io for everything. */
void xen_console_start(struct xencons_interface *ring, uint32_t port);
long xen_write(enum pv_channel channel, const void *data, size_t bytes);
void xen_log(const char *data, size_t bytes); /* pv_machine.log */
/* Waits, not for ever, until the other side has read everything. */
void xen_console_drain(void);

/* ---- operations.c ------------------------------------------------------------------------ */

void xen_exit(int status) __attribute__((noreturn));
void xen_crash(const char *message, const void *frame) __attribute__((noreturn));
/* The end of a crash whose report is said: SHUTDOWN_crash. */
void xen_crash_end(void) __attribute__((noreturn));
int xen_discard(void *address, size_t bytes);

#endif
