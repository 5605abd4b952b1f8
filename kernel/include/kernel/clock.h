/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: system time counts nanoseconds from the start of the VM, wall time from 1970 (UTC). */
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ns(void); /* never goes backwards */
/* The same as of a moment ago: at most 2^18 cycles of the CPU's time stamp counter, which are 0.1 ms at
 * 2.6 GHz. Takes a fifth of the time; for what goes by ticks, not for deadlines of the program's. */
uint64_t clock_recent_ns(void);
uint64_t clock_wall_ns(void);
void clock_wall_set(uint64_t wall_ns);

#endif
