/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/cmdline.c */
/* Any text as the kernel command line. */
#include <stdlib.h>
#include <string.h>

#include "pvabi/cmdline.h"

static void must(int holds)
{
    if (!holds)
        abort();
}

/* Are there `count` strings in `bytes`? A word may hold a zero byte that the line had. */
static void check_strings(const char *strings, uint32_t count, uint32_t bytes)
{
    uint32_t ends = 0;

    must(bytes <= PV_CMDLINE_STRINGS_MAX);
    for (uint32_t i = 0; i < bytes; i++)
        ends += strings[i] == '\0';
    must(ends >= count && (bytes == 0 || strings[bytes - 1] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct pv_cmdline parsed;

    memset(&parsed, 0, sizeof(parsed));
    pv_cmdline_parse((const char *)data, bytes, &parsed);
    must(parsed.arg_count >= 1);
    check_strings(parsed.args, parsed.arg_count, parsed.arg_bytes);
    check_strings(parsed.env, parsed.env_count, parsed.env_bytes);
    must(parsed.mmio_count <= PV_CMDLINE_MMIO_MAX);
    for (unsigned i = 0; i < PV_CMDLINE_NETS_MAX; i++)
        must(parsed.net[i].prefix4 <= 32);
    return 0;
}
