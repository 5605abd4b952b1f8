/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot record: its size, then its contents. Used by run.c. */
#ifndef MONITOR_RECORD_H
#define MONITOR_RECORD_H

#include <stdint.h>

struct vm;

/* Bytes of the record with its strings and device table. */
uint64_t record_bytes(const struct vm *vm);

/* Writes it into guest memory; layout, memory, cpu and board of the VM are there. */
void record_build(struct vm *vm);

#endif
