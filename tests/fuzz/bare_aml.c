/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/bare/aml.c pvabi/bare/aml_resources.c */
/* Any bytes as a definition block. The corpus begins with those of QEMU's machines. */
#include <stdlib.h>
#include <string.h>

#include "pvabi/bare/aml.h"

static void must(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bare_aml aml = {0};
    uint8_t *copy = malloc(bytes);

    memcpy(copy, data, bytes);
    bare_aml_scan(copy, (uint32_t)bytes, &aml);
    bare_aml_scan(copy, (uint32_t)bytes / 2, &aml);
    free(copy); /* nothing of it is kept */
    must(aml.mmio_count <= BARE_AML_MMIO_MAX && aml.route_count <= BARE_AML_ROUTES_MAX &&
         aml.link_count <= BARE_AML_LINKS_MAX);
    for (unsigned i = 0; i < aml.mmio_count; i++)
        must(aml.mmio[i].bytes > 0 && aml.mmio[i].address + aml.mmio[i].bytes >= aml.mmio[i].bytes);
    must(aml.pci.memory + aml.pci.memory_bytes <= 1ull << 32);
    for (unsigned device = 0; device < 32; device++)
        (void)bare_aml_route(&aml, device, device % 4);
    return 0;
}
