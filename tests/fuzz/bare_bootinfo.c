/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/bare/bootinfo.c */
/* Any memory as PVH's start info, Linux's zero page or multiboot 2's information: the first byte
 * chooses. */
#include "pvabi/bare/bootinfo.h"
#include "tests/unit/support/bare_memory.h"

static void must(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct bare_info info;
    const char *error;

    if (bytes < 1)
        return 0;
    memory.size = bytes - 1;
    memory.bytes = malloc(bytes);
    memcpy(memory.bytes, data + 1, bytes - 1);
    if (data[0] % 3 == 0)
        error = bare_info_pvh(memory_read, MEMORY_BASE, &info);
    else if (data[0] % 3 == 1)
        error = bare_info_linux64(memory_read, MEMORY_BASE, &info);
    else
        error = bare_info_multiboot2(memory_read, MEMORY_BASE, &info);
    memory_forget();
    free(memory.bytes);
    must(info.cmdline_bytes <= BARE_CMDLINE_MAX);
    must(memchr(info.cmdline, 0, info.cmdline_bytes) == NULL);
    if (error != NULL)
        return 0;
    bare_info_settle_modules(&info, 0x100000, 0x180000);
    must(info.module_count <= BARE_MODULES_MAX);
    for (unsigned i = 0; i < info.module_count; i++) {
        must(info.modules[i].begin < info.modules[i].end);
        for (unsigned j = 0; j < info.ram_count; j++)
            must(info.modules[i].end <= info.ram[j].begin ||
                 info.modules[i].begin >= info.ram[j].end);
    }
    must(info.ram_count <= BARE_RANGES_MAX);
    for (unsigned i = 0; i < info.ram_count; i++) {
        must(info.ram[i].begin < info.ram[i].end);
        must(info.ram[i].begin % 4096 == 0 && info.ram[i].end % 4096 == 0);
        must(i == 0 || info.ram[i].begin > info.ram[i - 1].end);
    }
    return 0;
}
