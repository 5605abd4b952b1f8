/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers: ChaCha20 with fast key erasure, seeded by the host, rdseed mixed in. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *data, size_t bytes);
uint32_t random_u32(void);
/* Adds entropy; never makes the state worse. */
void random_mix(const void *data, size_t bytes);

#endif
