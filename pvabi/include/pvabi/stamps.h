/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps of the start (pv.h, enum pv_stamp) told on the log channel. For the platforms that are handed a
 * command line.
 */
#ifndef PVABI_STAMPS_H
#define PVABI_STAMPS_H

#include <stdint.h>

/* Once the command line is read: sets pv_stamps if it asks for that. `entry_cycles`: the first. */
void pv_stamps_start(uint64_t entry_cycles);

/* pv_platform.stamps_tell; the ends call it, too, while pv_stamps is set. */
void pv_stamps_tell(void);

#endif
