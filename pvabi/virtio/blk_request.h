/* SPDX-License-Identifier: BSD-2-Clause */
/* What the frontends of disks have in common (blk.c, scsi.c): the check of what the kernel asks. */
#ifndef VIRTIO_BLK_REQUEST_H
#define VIRTIO_BLK_REQUEST_H

#include "pvabi/pv.h"

/* The sectors that a request covers; 0 when it is malformed or a flush. */
uint64_t blk_request_sectors(const struct pv_blk *blk, const struct pv_blk_request *request);
/* Can the disk carry it out: an operation that it has, on whole blocks of its own, at most as many as
 * it takes at once? */
bool blk_request_valid(const struct pv_blk *blk, const struct pv_blk_request *request);

#endif
