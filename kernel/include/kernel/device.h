/* SPDX-License-Identifier: BSD-2-Clause */
/* The device registry: which devices the platform found. */
#ifndef KERNEL_DEVICE_H
#define KERNEL_DEVICE_H

#include <stddef.h>

#include "pvabi/pv.h"

/* The device `index` of its class, or NULL. */
const struct pv_device *device_find(enum pv_class class, unsigned index);
unsigned device_count(enum pv_class class);
/* Zeroed pages for a frontend's attach; NULL when there is no memory. Never freed. */
void *device_memory(size_t bytes);
/* One console line, once per device: "net0 out of service: REASON". */
void device_out_of_service(const char *class_name, unsigned index, const char *reason);

#endif
