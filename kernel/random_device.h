/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entropy from a device of class PV_RNG, asked for once and never waited for. Inside the kernel,
 * for random.c, which calls both with upcalls masked.
 */
#ifndef KERNEL_RANDOM_DEVICE_H
#define KERNEL_RANDOM_DEVICE_H

#include <stddef.h>

/* Asks the first device, if there is one. */
void random_device_start(void);
/* What it gave, once it did: copies up to `bytes` to data and returns how many; otherwise 0. */
size_t random_device_take(void *data, size_t bytes);

#endif
