/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the backends share: the driver's hand-over and messages about options. For backends only.
 */
#ifndef MONITOR_BACKEND_H
#define MONITOR_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"

/* Raises `ring`'s event when the guest asked for it; at the end of a batch. */
void backend_publish(struct device *device, unsigned queue);

/* At the first doorbell: checks and copies the driver's features once, and begins the rings. False
 * when the device was failed. */
bool backend_begin(struct device *device, uint64_t *features);

/* Fails the device with the rule that the guest broke on this queue. */
void backend_fail_ring(struct device *device, unsigned queue);

/* "coracle: OPTION VALUE: text" on standard error. */
void backend_complain(const char *option, const char *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
