/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/profile_text.c monitor/profile_fold.c monitor/symbols.c monitor/words.c */
/*
 * Any bytes as a profile, and as a line of the guest's. What is accepted keeps the promises of
 * profile_text.h; with names, against an image whose text and symbols are any bytes, too, every line
 * is one that flame-graph tools read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile_fold.h"

static void must(int holds)
{
    if (!holds)
        abort();
}

static void check_folded(const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        must(newline != NULL && newline > text + 2 && newline[-1] >= '0' && newline[-1] <= '9');
        for (; text < newline; text++)
            must(*text >= ' ' && *text <= '~');
        text = newline + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct profile_line line;
    struct profile_reader reader;
    struct elf_image elf = {.segment_count = 1};

    elf.segments[0] = (struct elf_segment){.address = 0x100000,
                                           .memory_bytes = bytes + 1,
                                           .file_bytes = bytes,
                                           .rights = ELF_READ_EXECUTE};
    elf.symbol_count = bytes / 24;
    elf.names_bytes = bytes;
    if (profile_line_read((const char *)data, bytes, &line)) {
        must(line.count > 0 && line.caller_count <= PROFILE_CALLERS_MAX);
        must(memchr(line.thread, 0, sizeof line.thread) != NULL);
    }
    if (profile_read_head(&reader, (const char *)data, bytes) == PROFILE_OK) {
        struct text out = {0};
        enum profile_result result = profile_fold(&reader, data, &elf, &out);
        must(result == PROFILE_DONE || result == PROFILE_SHORT || result == PROFILE_DAMAGED);
        if (result == PROFILE_DONE && out.length)
            check_folded(out.bytes, out.length);
        text_free(&out);
    }
    return 0;
}
