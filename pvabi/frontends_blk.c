/* SPDX-License-Identifier: BSD-2-Clause */
/* The block frontends of all device families; linked into programs that use such a device. */
#include "module_blk.h"
#include "pvabi/pv.h"
#include "virtio/blk.h"
#include "virtio/scsi.h"

const struct pv_blk_ops *const pv_blk_frontends[PV_FAMILY_COUNT] = {
    [PV_FAMILY_VIRTIO] = &virtio_blk_ops,
    [PV_FAMILY_VIRTIO_SCSI] = &virtio_scsi_ops,
    [PV_FAMILY_MODULE] = &module_blk_ops,
};
