/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `coracle inspect` shows beyond what a VM needs: the entry points of each boot protocol, and
 * the list of parts that coracle-cc leaves in an image (scripts/image-parts). Pure code over the
 * file's bytes, which nobody vouches for.
 */
#ifndef MONITOR_IMAGE_PARTS_H
#define MONITOR_IMAGE_PARTS_H

#include <stdint.h>

#include "elf.h"

#define IMAGE_PARTS_MAX 64u
#define IMAGE_PART_NAME_MAX 40u

enum image_kind { IMAGE_TEXT, IMAGE_CONSTANTS, IMAGE_DATA, IMAGE_ZEROED, IMAGE_KINDS };

struct image_part {
    char name[IMAGE_PART_NAME_MAX];
    uint64_t bytes[IMAGE_KINDS];
};

struct image_parts {
    struct image_part parts[IMAGE_PARTS_MAX];
    unsigned count;
    uint64_t bytes[IMAGE_KINDS];   /* of the segments, and so of all parts and the padding */
    uint64_t padding[IMAGE_KINDS]; /* what belongs to no part: headers, gaps for alignment */
};

/* 0; -ENOENT when the image has no list (strip removes it); -EINVAL when the list does not fit. */
int image_parts_read(const uint8_t *file, uint64_t file_bytes, const struct elf_image *elf,
                     struct image_parts *parts);

/* The entry points; 0: there is none. */
struct image_entries {
    uint64_t native, pvh, linux64, multiboot2, xen_pv;
};

void image_entries_read(const uint8_t *file, uint64_t file_bytes, const struct elf_image *elf,
                        struct image_entries *entries);

#endif
