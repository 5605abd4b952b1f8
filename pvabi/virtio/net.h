/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio network frontend, for frontends_net.c's table and the tests. */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include "pvabi/pv.h"

/* pv_device.transport is a struct virtio_transport. */
extern const struct pv_net_ops virtio_net_ops;

#endif
