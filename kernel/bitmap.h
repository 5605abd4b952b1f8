/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of bits in an array of 64-bit words, for the page allocator. Positions count from bit 0 of
 * word 0; ends are exclusive.
 */
#ifndef KERNEL_BITMAP_H
#define KERNEL_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The lowest position in [begin, end) whose bit is `value`, or end. */
size_t bitmap_next(const uint64_t *words, size_t begin, size_t end, bool value);
/* One more than the highest position in [begin, end) whose bit is `value`, or begin. */
size_t bitmap_previous(const uint64_t *words, size_t begin, size_t end, bool value);
void bitmap_fill(uint64_t *words, size_t begin, size_t end, bool value);

#endif
