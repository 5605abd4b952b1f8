/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen network frontend, for pvabi/frontends_net.c and tests. */
#ifndef XEN_NETFRONT_H
#define XEN_NETFRONT_H

#include "pvabi/pv.h"

extern const struct pv_net_ops xen_net_ops;

#endif
