/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PV guest's parts among each other: it runs in ring 3 under Xen, which owns the page tables and
 * lets them be changed by hypercalls. For pvabi/xen/pv_*.c only.
 */
#ifndef XEN_PV_H
#define XEN_PV_H

#include "start.h"
#include "xen.h"

struct bootrec;

/* Filled by pv_boot.c; a restore changes the shared page's frame and the channels. */
extern struct xen_start xen_pv_start;

/* ---- pv_memory.c ------------------------------------------------------------------------- */

/* Page tables of our own under the builder's topmost ones: the image with its segments' rights, all
 * RAM, a window for pages of Xen's. Fills the record's RAM in. Returns the page shared with Xen. */
struct shared_info *xen_pv_memory_start(struct bootrec *record);
int xen_pv_protect(void *address, size_t bytes, enum pv_rights rights);
/* pv_machine's: what is mapped (PV_MAP_*), what is RAM. */
unsigned xen_pv_mapped(uint64_t address);
bool xen_pv_in_ram(uint64_t address);
/* host.h: xen_grant_table_map */
void *xen_pv_grant_table_map(unsigned index);
/* Maps the page shared with Xen where it belongs, and tells the tool stack there where the list of
 * frames is. */
struct shared_info *xen_pv_shared_map(uint64_t frame);
/* After a suspend that was cancelled: the frames of the grant table that were mapped. */
void xen_pv_grants_map_again(void);
/* Nothing that is Xen's stays mapped: a domain that is saved must not have such pages. */
void xen_pv_window_clear(void);

/* ---- pv_suspend.c ------------------------------------------------------------------------ */

int xen_pv_suspend(struct xen_resumed *resumed);

/* ---- pv_traps.c, pv_enter.S -------------------------------------------------------------- */

/* Exceptions, and where Xen enters for events. */
void xen_pv_traps_start(void);
/* CPUID, the FPU, the thread pointer. */
void xen_pv_cpu_start(void);
extern const char xen_pv_vectors[], xen_pv_upcall[], xen_pv_failsafe[];
#define XEN_PV_VECTORS 20u

#endif
