/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy frontends of all device families; linked into programs that use random numbers. */
#include "pvabi/pv.h"
#include "virtio/rng.h"

const struct pv_rng_ops *const pv_rng_frontends[PV_FAMILY_COUNT] = {
    [PV_FAMILY_VIRTIO] = &virtio_rng_ops,
};
