/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of guest under Xen, for the table in probe.c, which knows none of Xen's own headers. */
#ifndef XEN_PLATFORM_H
#define XEN_PLATFORM_H

#include "pvabi/probe.h"

extern const struct pv_hypervisor xen_pv_hypervisor; /* pv_boot.c */

#endif
