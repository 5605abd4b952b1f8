/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator: RAM after the image, in pages of 4096 bytes. Single pages and runs are taken
 * from the top downwards, the C library's heap grows from the bottom. Nothing is touched before it
 * is used: the host has zeroed it. Any thread; not from event handlers.
 */
#ifndef KERNEL_PAGE_H
#define KERNEL_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096u

/* `count` consecutive pages with undefined contents, or NULL. */
void *page_alloc(size_t count);
/* The same, filled with zeros (free of cost for pages never used before). */
void *page_alloc_zeroed(size_t count);
void page_free(void *pages, size_t count);
/* Takes `count` pages from the lowest free address upwards, for a heap that wants to grow. NULL
 * when there is no such run. */
void *page_alloc_low(size_t count);
/* Takes exactly these pages: 0, or -ENOMEM when one of them is in use or not RAM. */
int page_extend(void *address, size_t count);
/* A run with an inaccessible page below it (a stack). *pages is the first usable one. */
int page_alloc_guarded(size_t count, void **pages);
void page_free_guarded(void *pages, size_t count);

size_t page_total(void);
size_t page_in_use(void);
size_t page_in_use_peak(void);

#endif
