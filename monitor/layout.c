/* SPDX-License-Identifier: BSD-2-Clause */
/* Computes the map that layout.h draws. Pure arithmetic. */
#include "layout.h"

#include "pvabi/native.h"

#define GIB (1ull << 30)

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static uint64_t take(uint64_t *at, uint64_t bytes)
{
    uint64_t address = *at;
    *at += round_up(bytes, PVN_PAGE_SIZE);
    return address;
}

void layout_compute(struct layout *layout, const struct layout_needs *needs)
{
    uint64_t ram_end = PVN_RAM_BASE + needs->ram_bytes;
    uint64_t split_bytes = round_up(ram_end, LAYOUT_LARGE_PAGE) / LAYOUT_LARGE_PAGE * PVN_PAGE_SIZE;
    uint64_t devices_bytes = needs->control_bytes + needs->config_bytes + needs->rings_bytes;
    /* The directories and the area's own tables take about a 256th of the split tables in all: room
     * for twice that, and 1 MiB for the fixed pages and all rounding. */
    uint64_t tables_bytes = (1 << 20) + split_bytes / 128;
    uint64_t area_bytes = round_up(tables_bytes + needs->record_bytes + devices_bytes + split_bytes,
                                   LAYOUT_LARGE_PAGE);

    layout->ram_end = ram_end;
    layout->area = round_up(ram_end + PVN_PAGE_SIZE, LAYOUT_LARGE_PAGE);
    layout->area_end = layout->area + area_bytes;
    layout->area_table_count = (unsigned)(area_bytes / LAYOUT_LARGE_PAGE);
    layout->directory_count = (unsigned)(round_up(layout->area_end, GIB) / GIB);

    uint64_t at = layout->area;
    take(&at, PVN_PAGE_SIZE);
    layout->pdpt = take(&at, PVN_PAGE_SIZE);
    layout->first_table = take(&at, PVN_PAGE_SIZE);
    layout->area_tables = take(&at, layout->area_table_count * PVN_PAGE_SIZE);
    layout->directories = take(&at, layout->directory_count * PVN_PAGE_SIZE);
    layout->system = take(&at, PVN_PAGE_SIZE);
    layout->stubs = take(&at, PVN_PAGE_SIZE);
    layout->record_bytes = round_up(needs->record_bytes, PVN_PAGE_SIZE);
    layout->record = take(&at, layout->record_bytes);
    layout->clock = take(&at, PVN_PAGE_SIZE);
    layout->seed = take(&at, PVN_PAGE_SIZE);
    layout->vcpu = take(&at, PVN_PAGE_SIZE);
    layout->control_bytes = round_up(needs->control_bytes, PVN_PAGE_SIZE);
    layout->control = take(&at, layout->control_bytes);
    layout->config_bytes = round_up(needs->config_bytes, PVN_PAGE_SIZE);
    layout->config = take(&at, layout->config_bytes);
    layout->rings_bytes = round_up(needs->rings_bytes, PVN_PAGE_SIZE);
    layout->rings = take(&at, layout->rings_bytes);
    layout->stamps = needs->stamps ? take(&at, PVN_PAGE_SIZE) : 0;
    layout->split = take(&at, split_bytes);
    layout->split_end = at;
}
