/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tool stack asks of the domain as a whole: control/shutdown and memory/target in
 * xenstore. For the platforms of PV and PVH.
 */
#ifndef XEN_REQUESTS_H
#define XEN_REQUESTS_H

#include "pvabi/pv.h"

/* pv_platform.request_take; the first call begins to listen. */
enum pv_request xen_request_take(uint64_t *pages, uint64_t *again_ns);

/* The reason by which a domain is to end that was asked to: SHUTDOWN_poweroff or another. */
unsigned xen_end_reason(void);

#endif
