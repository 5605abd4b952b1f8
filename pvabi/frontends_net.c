/* SPDX-License-Identifier: BSD-2-Clause */
/* The network frontends of all device families; linked into programs that use such a device. */
#include "pvabi/pv.h"
#include "virtio/net.h"
#include "xen/netfront.h"

const struct pv_net_ops *const pv_net_frontends[PV_FAMILY_COUNT] = {
    [PV_FAMILY_VIRTIO] = &virtio_net_ops,
    [PV_FAMILY_XEN] = &xen_net_ops,
};
