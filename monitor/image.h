/* SPDX-License-Identifier: BSD-2-Clause */
/* An image file: opened, checked, and mapped into guest memory with each segment's rights. */
#ifndef MONITOR_IMAGE_H
#define MONITOR_IMAGE_H

#include <stdint.h>

#include "elf.h"
#include "memory.h"
#include "tables.h"

struct image {
    const char *path;
    int fd;
    const uint8_t *file; /* all of it, mapped read-only; crash reports read symbols from it */
    uint64_t file_bytes;
    struct elf_image elf;
};

/* Opens and checks. Prints its own line; negative errno when the file is no good. */
int image_open(struct image *image, const char *path);
void image_close(struct image *image);

/*
 * Places the segments into the fresh, zeroed guest memory and into the page tables, and notes what
 * is read-only on the host. Text and constants stay the file's own pages, shared by all VMs that
 * run it. The RAM is large enough. Prints its own line; negative errno.
 */
int image_map(const struct image *image, struct guest_memory *memory, const struct tables *tables);

#endif
