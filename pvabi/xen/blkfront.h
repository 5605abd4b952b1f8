/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen block frontend, for pvabi/frontends_blk.c and tests. */
#ifndef XEN_BLKFRONT_H
#define XEN_BLKFRONT_H

#include "pvabi/pv.h"

extern const struct pv_blk_ops xen_blk_ops;

#endif
