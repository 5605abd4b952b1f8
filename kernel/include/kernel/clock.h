/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: system time counts nanoseconds from the start of the VM, wall time from 1970 (UTC). */
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ns(void); /* never goes backwards */
uint64_t clock_wall_ns(void);
void clock_wall_set(uint64_t wall_ns);

#endif
