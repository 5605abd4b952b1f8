/* SPDX-License-Identifier: BSD-2-Clause */
/* `coracle inspect IMAGE`: what is in an image, on standard output. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "image.h"
#include "image_parts.h"
#include "run.h"
#include "say.h"

static void print_entry(const char *protocol, uint64_t address, const char *who)
{
    if (address)
        printf("  %-11s 0x%08" PRIx64 "  %s\n", protocol, address, who);
}

static void print_entries(const struct image *image)
{
    struct image_entries entries;
    char native[64];

    image_entries_read(image->file, image->file_bytes, &image->elf, &entries);
    snprintf(native, sizeof native, "Coracle's interface, version %u", image->elf.abi_version);
    printf("entry points:\n");
    print_entry("native", entries.native, native);
    print_entry("PVH", entries.pvh, "note of Xen's, PHYS32_ENTRY");
    print_entry("Linux 64", entries.linux64, "the ELF header's entry");
    print_entry("multiboot 2", entries.multiboot2, "its header's entry address tag");
    print_entry("Xen PV", entries.xen_pv, "note of Xen's, ENTRY");
}

static void print_segments(const struct elf_image *elf)
{
    static const char *const rights[] = {
        [ELF_READ] = "r--",
        [ELF_READ_WRITE] = "rw-",
        [ELF_READ_EXECUTE] = "r-x",
    };
    uint64_t file_bytes = 0, memory_bytes = 0;

    printf("segments:\n  address     rights  file bytes  memory bytes\n");
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        printf("  0x%08" PRIx64 "  %s  %10" PRIu64 "  %10" PRIu64 "\n", segment->address,
               rights[segment->rights], segment->file_bytes, segment->memory_bytes);
        file_bytes += segment->file_bytes;
        memory_bytes += segment->memory_bytes;
    }
    printf("  all                 %10" PRIu64 "  %10" PRIu64 "\n", file_bytes, memory_bytes);
}

static void print_part(const char *name, const uint64_t bytes[IMAGE_KINDS])
{
    printf("  %-22s", name);
    for (unsigned kind = 0; kind < IMAGE_KINDS; kind++)
        printf("  %9" PRIu64, bytes[kind]);
    printf("\n");
}

static void print_parts(const struct image *image)
{
    static struct image_parts parts; /* static: large */
    int result = image_parts_read(image->file, image->file_bytes, &image->elf, &parts);

    if (result) {
        printf("parts: %s\n", result == -ENOENT ? "no list of them (removed by strip?)"
                                                : "their list does not fit the segments");
        return;
    }
    printf("parts:                       text  constants       data     zeroed\n");
    for (unsigned i = 0; i < parts.count; i++)
        print_part(parts.parts[i].name, parts.parts[i].bytes);
    print_part("headers and padding", parts.padding);
    print_part("all", parts.bytes);
}

int inspect_image(const char *path)
{
    struct image image;

    if (image_open(&image, path))
        return STATUS_USAGE;
    printf("%s: image of %" PRIu64 " bytes\n", path, image.file_bytes);
    print_entries(&image);
    print_segments(&image.elf);
    print_parts(&image);
    printf("least memory: %" PRIu64 "K\n", (image.elf.memory_min_bytes + 1023) / 1024);
    printf("symbols: %s\n", image.elf.symbol_count ? "yes" : "no");
    image_close(&image);
    if (fflush(stdout) || ferror(stdout)) {
        say("inspect: standard output cannot be written");
        return STATUS_MONITOR;
    }
    return 0;
}
