/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a PVH guest (hardware virtualization, no device model) asks of Xen beside what it shares with
 * PV. pvabi/xen_pvh.c joins it with the ring-0 machine, in this order:
 *
 *     xen_pvh_here()                          else it is another hypervisor
 *     xen_pvh_rings_get(&rings)               where console and store are
 *     xen_pvh_place_shared(address)           the page with the events, at a free guest-physical address
 *     xen_shared_start(...)                   xen.h
 *     xen_pvh_upcalls_at(vector)              when the kernel wants to be interrupted
 *     xen_pvh_suspend()                       when the tool stack asks; if restored, all but the first anew
 */
#ifndef XEN_PVH_H
#define XEN_PVH_H

#include <stdbool.h>
#include <stdint.h>

/* Is the hypervisor Xen? Chooses the hypercall instruction. */
bool xen_pvh_here(void);

/* Guest-physical addresses of pages shared with the tool stack (0: none), and their channels. */
struct xen_pvh_rings {
    uint64_t console, store;
    uint32_t console_port, store_port;
};
void xen_pvh_rings_get(struct xen_pvh_rings *rings);

/* Puts the page with the events, or frame `index` of the grant table, at a page-aligned
 * guest-physical address. 0 or a negative errno. */
int xen_pvh_place_shared(uint64_t address);
int xen_pvh_place_grants(unsigned index, uint64_t address);

/* Asks for an interrupt of the local APIC whenever `pending` is set anew. 0 or a negative errno. */
int xen_pvh_upcalls_at(uint8_t vector);

/* 0: restored, 1: cancelled, or a negative errno. */
int xen_pvh_suspend(void);

#endif
