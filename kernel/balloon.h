/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the kernel: how much memory the host has back. */
#ifndef KERNEL_BALLOON_H
#define KERNEL_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

/* Gives pages to the host, or takes them back, until it has this many; fewer where the program
 * needs them or the host has none: false, to be tried again. */
bool balloon_set(uint64_t pages);

#endif
