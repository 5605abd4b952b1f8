/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the parts and the entry points of an image; see image_parts.h. */
#include "image_parts.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define SECTION ".debug_coracle_parts"

/* Notes of the owner "Xen" (Xen, public/elfnote.h). */
#define XEN_NOTE_ENTRY 1u
#define XEN_NOTE_PHYS32_ENTRY 18u

/* Multiboot 2, 3.1: the header is 8-byte aligned within the first 32 KiB. */
#define MULTIBOOT2_REACH 32768u
#define MULTIBOOT2_MAGIC 0xe85250d6u
#define MULTIBOOT2_TAG_END 0u
#define MULTIBOOT2_TAG_ENTRY 3u

/* --- the list of parts --- */

/* A decimal number and the character after it; false when that is another one. */
static bool take_number(const uint8_t **at, const uint8_t *end, uint8_t after, uint64_t *value)
{
    const uint8_t *begin = *at;

    for (*value = 0; *at < end && **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (uint64_t)(**at - '0'), value))
            return false;
    return *at > begin && *at < end && *(*at)++ == after;
}

static bool take_line(const uint8_t **at, const uint8_t *end, struct image_part *part)
{
    const uint8_t *space = memchr(*at, ' ', (size_t)(end - *at));
    size_t length = space ? (size_t)(space - *at) : 0;

    if (!length || length >= sizeof part->name)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((*at)[i] <= ' ' || (*at)[i] > '~')
            return false;
        part->name[i] = (char)(*at)[i];
    }
    part->name[length] = 0;
    *at = space + 1;
    for (unsigned kind = 0; kind < IMAGE_KINDS; kind++)
        if (!take_number(at, end, kind + 1 < IMAGE_KINDS ? ' ' : '\n', &part->bytes[kind]))
            return false;
    return true;
}

static void add_segments(const struct elf_image *elf, uint64_t bytes[IMAGE_KINDS])
{
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        enum image_kind kind = segment->rights == ELF_READ_EXECUTE ? IMAGE_TEXT
                               : segment->rights == ELF_READ       ? IMAGE_CONSTANTS
                                                                   : IMAGE_DATA;
        bytes[kind] += segment->file_bytes;
        bytes[IMAGE_ZEROED] += segment->memory_bytes - segment->file_bytes;
    }
}

int image_parts_read(const uint8_t *file, uint64_t file_bytes, const struct elf_image *elf,
                     struct image_parts *parts)
{
    uint64_t bytes;
    const uint8_t *at = elf_find_section(file, file_bytes, SECTION, &bytes), *end;

    *parts = (struct image_parts){.count = 0};
    if (!at)
        return -ENOENT;
    end = at + bytes;
    add_segments(elf, parts->bytes);
    memcpy(parts->padding, parts->bytes, sizeof parts->padding);
    while (at < end) {
        struct image_part *part = &parts->parts[parts->count];
        if (parts->count == IMAGE_PARTS_MAX || !take_line(&at, end, part))
            return -EINVAL;
        for (unsigned kind = 0; kind < IMAGE_KINDS; kind++)
            if (__builtin_sub_overflow(parts->padding[kind], part->bytes[kind],
                                       &parts->padding[kind]))
                return -EINVAL;
        parts->count++;
    }
    return 0;
}

/* --- the entry points --- */

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t multiboot2_entry(const uint8_t *header, uint64_t bytes)
{
    for (uint64_t at = 16; at + 8 <= bytes;) {
        uint32_t type = get32(header + at) & 0xffff, length = get32(header + at + 4);

        if (type == MULTIBOOT2_TAG_ENTRY && length >= 12 && at + 12 <= bytes)
            return get32(header + at + 8);
        if (type == MULTIBOOT2_TAG_END || length < 8)
            return 0;
        at += ((uint64_t)length + 7) & ~7ull;
    }
    return 0;
}

static uint64_t find_multiboot2(const uint8_t *file, uint64_t file_bytes)
{
    uint64_t reach = file_bytes < MULTIBOOT2_REACH ? file_bytes : MULTIBOOT2_REACH;

    for (uint64_t at = 0; at + 16 <= reach; at += 8) {
        uint32_t length = get32(file + at + 8);
        if (get32(file + at) == MULTIBOOT2_MAGIC && length <= reach - at &&
            MULTIBOOT2_MAGIC + get32(file + at + 4) + length + get32(file + at + 12) == 0)
            return multiboot2_entry(file + at, length);
    }
    return 0;
}

void image_entries_read(const uint8_t *file, uint64_t file_bytes, const struct elf_image *elf,
                        struct image_entries *entries)
{
    uint32_t pvh;

    *entries = (struct image_entries){
        .native = elf->entry,
        .linux64 = elf->elf_entry,
        .multiboot2 = find_multiboot2(file, file_bytes),
    };
    if (elf_find_note(file, file_bytes, "Xen", XEN_NOTE_PHYS32_ENTRY, &pvh, sizeof pvh))
        entries->pvh = pvh;
    elf_find_note(file, file_bytes, "Xen", XEN_NOTE_ENTRY, &entries->xen_pv,
                  sizeof entries->xen_pv);
}
