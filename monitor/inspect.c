/* SPDX-License-Identifier: BSD-2-Clause */
/* `coracle inspect IMAGE`: what is in an image, on standard output. */
#include <inttypes.h>
#include <stdio.h>

#include "image.h"
#include "run.h"
#include "say.h"

static void print_segment(const struct elf_segment *segment)
{
    static const char *const rights[] = {
        [ELF_READ] = "r--",
        [ELF_READ_WRITE] = "rw-",
        [ELF_READ_EXECUTE] = "r-x",
    };
    printf("  0x%08" PRIx64 "  %s  %10" PRIu64 "  %10" PRIu64 "\n", segment->address,
           rights[segment->rights], segment->file_bytes, segment->memory_bytes);
}

int inspect_image(const char *path)
{
    struct image image;
    uint64_t file_bytes = 0, memory_bytes = 0;

    if (image_open(&image, path))
        return STATUS_USAGE;
    printf("%s: image of %" PRIu64 " bytes\n", path, image.file_bytes);
    printf("entry points:\n");
    printf("  native   0x%" PRIx64 "  (native interface, version %u)\n", image.elf.entry,
           image.elf.abi_version);
    printf("segments:\n  address     rights  file bytes  memory bytes\n");
    for (unsigned i = 0; i < image.elf.segment_count; i++) {
        print_segment(&image.elf.segments[i]);
        file_bytes += image.elf.segments[i].file_bytes;
        memory_bytes += image.elf.segments[i].memory_bytes;
    }
    printf("  all                 %10" PRIu64 "  %10" PRIu64 "\n", file_bytes, memory_bytes);
    printf("least memory: %" PRIu64 "K\n", (image.elf.memory_min_bytes + 1023) / 1024);
    printf("symbols: %s\n", image.elf.symbol_count ? "yes" : "no");
    image_close(&image);
    if (fflush(stdout) || ferror(stdout)) {
        say("inspect: standard output cannot be written");
        return STATUS_MONITOR;
    }
    return 0;
}
