/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/xen/start.c */
/* Any changes to what a PV guest is handed at its start: words at places that the input names. */
#include "tests/unit/support/xen_start.h"
#include "tests/unit/support/bytes.h"

static void must_be_ram(const struct xen_start *start, uint64_t page, uint64_t count)
{
    require(page > (MEM_IMAGE_END - 1) / MEM_PAGE && page < start->page_count);
    require(count <= start->page_count - page && page + count <= start->free);
}

static void change(struct bytes *bytes)
{
    uint64_t value = next32(bytes);
    uint16_t where = next16(bytes);

    /* Half of the changes hit the fields before the command line. */
    if (where & 1)
        where = MEM_INFO * MEM_PAGE / 8 + (where >> 1) % 16;
    if (value & 1)
        value = value << 32 | next32(bytes);
    else if (value & 2)
        value = MEM_FRAME((value >> 2) % MEM_PAGES) * (value & 4 ? 4096ull : 1) | (value & 8) >> 3;
    else
        value >>= 2;
    memcpy(mem + where % (MEM_PAGES * MEM_PAGE / 8) * 8, &value, sizeof(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
    static struct xen_start start;
    struct bytes bytes = {data, count};
    const char *wrong;

    mem_build();
    while (bytes.left > 0)
        change(&bytes);
    wrong = xen_start_parse(mem_read, MEM_INFO * MEM_PAGE, MEM_IMAGE_END, &start);
    require(start.cmdline_bytes <= XEN_START_CMDLINE_MAX);
    if (wrong == NULL) {
        require(start.free < start.page_count && start.page_count <= XEN_START_PAGES_MAX);
        require(mem_read((uint64_t)((const uint8_t *)start.frames - mem), start.page_count * 8) !=
                NULL);
        must_be_ram(&start, start.table, start.table_count);
        must_be_ram(&start, start.l3, 1);
        must_be_ram(&start, start.l2, 1);
        if (start.store != 0)
            must_be_ram(&start, start.store, 1);
        if (start.console != 0)
            must_be_ram(&start, start.console, 1);
    }
    mem_forget();
    return 0;
}
