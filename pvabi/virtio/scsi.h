/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio SCSI frontend, for frontends_blk.c's table and the tests. */
#ifndef VIRTIO_SCSI_H
#define VIRTIO_SCSI_H

#include "pvabi/pv.h"

/* pv_device.transport is a struct virtio_transport. */
extern const struct pv_blk_ops virtio_scsi_ops;

#endif
