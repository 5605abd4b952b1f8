/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio entropy frontend, for frontends_rng.c's table and the tests. */
#ifndef VIRTIO_RNG_H
#define VIRTIO_RNG_H

#include "pvabi/pv.h"

/* pv_device.transport is a struct virtio_transport. */
extern const struct pv_rng_ops virtio_rng_ops;

#endif
