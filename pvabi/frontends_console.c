/* SPDX-License-Identifier: BSD-2-Clause */
/* The console frontends of all device families; linked into programs that use such a device. */
#include "pvabi/pv.h"
#include "virtio/console.h"
#include "xen/console_read.h"

const struct pv_console_ops *const pv_console_frontends[PV_FAMILY_COUNT] = {
    [PV_FAMILY_VIRTIO] = &virtio_console_ops,
    [PV_FAMILY_XEN] = &xen_console_ops,
};
