/* SPDX-License-Identifier: BSD-2-Clause */
/* A PVH guest under Xen, for probe.c. */
#ifndef PVABI_XEN_PVH_H
#define PVABI_XEN_PVH_H

#include "pvabi/probe.h"

extern const struct pv_hypervisor xen_pvh_hypervisor;

#endif
