/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What grants, xenstore and the frontends ask of the machine: the same under PV and PVH, which
 * fulfil it each by its own hypercalls. Tests fulfil it too and play hypervisor and backend. Below
 * it stands what the platform may call of them in turn.
 */
#ifndef XEN_HOST_H
#define XEN_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "pvabi/pv.h"

struct xenstore_domain_interface;

#define XEN_PAGE_BYTES 4096u
#define XEN_GRANT_FRAMES_MAX 16u

/* ---- asked of the platform ---------------------------------------------------------------- */

/* Masks upcalls and returns the state before; restoring it runs what came meanwhile. */
unsigned xen_upcalls_mask(void);
void xen_upcalls_restore(unsigned state);

/* System time, as Xen counts it: another host's is another one after a restore. */
uint64_t xen_now_ns(void);

/* One piece of a line for people. */
void xen_say(const char *words);

/* Maps frame `index` of the domain's grant table, version 1, and returns its address; NULL when
 * there is none left. Called once for each frame in rising order; after a restore once more, with
 * the same result. */
void *xen_grant_table_map(unsigned index);

/* The number by which a grant names a page of RAM: a machine frame under PV. */
uint64_t xen_frame(const void *page);

/* Opens an event channel that `domain` may bind. *event is the event that it raises: 0 on entry
 * takes one that nobody has, anything else names the one to raise. 0, or a negative errno. */
int xen_channel_open(uint16_t domain, unsigned *event, uint32_t *port);
void xen_channel_close(uint32_t port);
void xen_channel_send(uint32_t port);

/* A channel that was opened raises one event and is then masked until this call, however often the
 * other side sends (XSA-391). True: an event came since the last call. One that came while the
 * channel was masked is raised by this call. */
bool xen_channel_unmask(uint32_t port);

/* Sleeps until the port is pending or system time reaches deadline_ns, and takes the pending bit.
 * May return early. Called with upcalls masked. */
void xen_channel_wait(uint32_t port, uint64_t deadline_ns);

/* Raises an event from inside. Called with upcalls masked. */
void xen_event_raise(unsigned event);

/* The ring shared with xenstore, and its channel; NULL: this domain has none. */
extern struct xenstore_domain_interface *xen_store;
extern uint32_t xen_store_port;
/* From now on a pending store wakes whoever sleeps (and xenbus_event is called); before, only
 * xen_channel_wait looks. May be called again. */
void xen_store_listen(void);

/* Suspends the domain until it is resumed here or restored anywhere: 0 restored (xenbus_restored was
 * called), 1 it goes on as if nothing had been, or a negative errno: this start cannot. Called with
 * upcalls masked, from a thread. */
int xen_suspend(void);

/* The address that the command line gives to network device `index`; prefix 0: none. */
struct pv_net_address xen_net_address(unsigned index);

/* ---- for the platform --------------------------------------------------------------------- */

/* pv_hypervisor.devices: looks into xenstore when it is called first. */
const struct pv_device *xenbus_devices(unsigned *count);

/* The store's channel is pending (it raises no event of its own): takes messages that have come,
 * and raises the events of devices whose backends changed. Called with upcalls masked, outside of
 * xen_channel_wait. */
void xenbus_event(void);

/* The domain was restored: grants, channels and watches are gone, the store's ring is a new one.
 * Frontends connect anew, side by side, when they are called next; their events are raised for that. Called with
 * upcalls masked, when channels can be opened and the store's ring is mapped. */
void xenbus_restored(void);

/* Grants that stand, for the count at exit; and those of pages that the other side did not let go
 * of, which are never used again. */
struct xen_grant_counters {
    uint32_t in_use;
    uint32_t leaked;
};
extern struct xen_grant_counters xen_grant_counters;

/* At the domain's end: says in one line that pages have leaked, if so. */
void xen_grants_report(void);

#endif
