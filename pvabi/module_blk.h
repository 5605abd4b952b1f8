/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that a boot loader left in memory, as disks that are only read: a device family of its own.
 * For the platforms that have such files, and frontends_blk.c.
 */
#ifndef PVABI_MODULE_BLK_H
#define PVABI_MODULE_BLK_H

#include "pvabi/pv.h"

/* What pv_device.transport points to: mapped memory that nobody else uses, and an event of the
 * device's own, which is never raised. */
struct module_blk {
    const void *data;
    uint64_t bytes; /* the last sector is filled up with zeros */
    unsigned event;
};

extern const struct pv_blk_ops module_blk_ops;

#endif
