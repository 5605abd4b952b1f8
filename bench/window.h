/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stretch of a guest's run that a plugin for QEMU looks at, as its options say:
 *     begin=0x..,end=0x..,to=FILE      from the first execution of one address to that of another
 *     low=0x..,high=0x..               instructions from `low` on and below `high` alone
 * FILE is written at the end. For bench/insn.c and bench/touch.c, on machines with one CPU.
 */
#ifndef BENCH_WINDOW_H
#define BENCH_WINDOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Takes one option; false if it is none of these. */
bool window_take(const char *option);

/* All that is needed was told. */
bool window_is_set(void);

/* Whether an instruction there is worth looking at. */
bool window_has(uint64_t address);

/* Before an instruction is executed: whether it lies between. When it is the end, `write` has been
 * called with FILE. */
bool window_execute(uint64_t address, void (*write)(FILE *file));

/* Between begin and end. */
bool window_is_open(void);

/* Has FILE written now, at an end that did not come by itself. */
void window_end(void (*write)(FILE *file));

#endif
