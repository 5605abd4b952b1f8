/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that goes back to Xen and comes again, for the platforms of PV and PVH. */
#ifndef XEN_BALLOON_H
#define XEN_BALLOON_H

#include <stdint.h>

/* pv_platform.memory_give and memory_take. */
int xen_memory_give(void *page);
int xen_memory_take(void *page);

/* Pages that Xen has by our count, and how many more or fewer the domain has than that leaves, as Xen
 * counts them: memory that nobody can use, or that was taken behind our back. For the end. */
uint64_t xen_memory_given(void);
uint64_t xen_memory_leaked(void);
/* The domain was restored: Xen counts another one's pages. */
void xen_memory_restored(void);

#endif
