/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio block frontend, for frontends_blk.c's table and the tests. */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include "pvabi/pv.h"

/* pv_device.transport is a struct virtio_transport. */
extern const struct pv_blk_ops virtio_blk_ops;

#endif
