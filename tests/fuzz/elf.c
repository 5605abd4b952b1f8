/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/elf.c monitor/image_parts.c monitor/symbols.c */
/*
 * Any bytes as an image. What elf_parse accepts must keep every promise of elf.h, because image.c
 * maps it without looking again; symbols are looked up in it as a crash report would, and its parts
 * and entry points read as `coracle inspect` does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf.h"
#include "image_parts.h"
#include "pvabi/native.h"
#include "symbols.h"

static void must(int holds)
{
    if (!holds)
        abort();
}

static void check(const struct elf_image *image, uint64_t file_bytes)
{
    uint64_t free_from = PVN_RAM_BASE;
    int entry_executable = 0;

    must(image->segment_count > 0 && image->segment_count <= ELF_SEGMENTS_MAX);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        uint64_t end = segment->address + segment->memory_bytes;
        must(segment->address / PVN_PAGE_SIZE * PVN_PAGE_SIZE >= free_from);
        must(segment->memory_bytes > 0 && end > segment->address && end <= ELF_ADDRESS_MAX);
        must(segment->file_bytes <= segment->memory_bytes);
        must(segment->file_offset <= file_bytes &&
             segment->file_bytes <= file_bytes - segment->file_offset);
        must(segment->file_offset % PVN_PAGE_SIZE == segment->address % PVN_PAGE_SIZE);
        must(segment->rights == ELF_READ_WRITE || segment->file_bytes == segment->memory_bytes);
        if (segment->rights == ELF_READ_EXECUTE && image->entry >= segment->address &&
            image->entry < end)
            entry_executable = 1;
        free_from = (end + PVN_PAGE_SIZE - 1) / PVN_PAGE_SIZE * PVN_PAGE_SIZE;
    }
    must(entry_executable);
    must(image->image_end == free_from);
    must(image->memory_min_bytes >= image->image_end - PVN_RAM_BASE);
    must(image->memory_min_bytes % PVN_PAGE_SIZE == 0);
}

static void check_parts(const uint8_t *file, size_t bytes, const struct elf_image *image)
{
    static struct image_parts parts;
    struct image_entries entries;

    image_entries_read(file, bytes, image, &entries);
    must(entries.native == image->entry);
    if (image_parts_read(file, bytes, image, &parts))
        return;
    must(parts.count <= IMAGE_PARTS_MAX);
    for (unsigned kind = 0; kind < IMAGE_KINDS; kind++) {
        uint64_t sum = parts.padding[kind];
        for (unsigned i = 0; i < parts.count; i++)
            sum += parts.parts[i].bytes[kind];
        must(sum == parts.bytes[kind]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct elf_image image;
    struct symbol symbol;
    char error[ELF_ERROR_MAX];
    /* A copy of its own size: one byte beyond the file is seen. */
    uint8_t *file = malloc(bytes ? bytes : 1);

    memcpy(file, data, bytes);
    if (elf_parse(file, bytes, &image, error)) {
        must(error[0] != 0 && memchr(error, 0, sizeof error) != NULL);
        must(strchr(error, '\n') == NULL);
    } else {
        check(&image, bytes);
        check_parts(file, bytes, &image);
        for (uint64_t at = image.entry - 8; at <= image.entry + 8; at++)
            if (symbols_find(file, &image, at, &symbol))
                must(memchr(symbol.name, 0, sizeof symbol.name) != NULL && symbol.offset <= at);
    }
    free(file);
    return 0;
}
