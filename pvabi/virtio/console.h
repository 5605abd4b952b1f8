/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio console frontend, for frontends_console.c's table and the tests. */
#ifndef VIRTIO_CONSOLE_H
#define VIRTIO_CONSOLE_H

#include "pvabi/pv.h"

/* pv_device.transport is a struct virtio_transport. */
extern const struct pv_console_ops virtio_console_ops;

#endif
