/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that goes back to Xen and comes again, for the platforms of PV and PVH. */
#ifndef XEN_BALLOON_H
#define XEN_BALLOON_H

/* pv_platform.memory_give and memory_take. */
int xen_memory_give(void *page);
int xen_memory_take(void *page);

#endif
