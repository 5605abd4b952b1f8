/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start-of-day page of a PV guest (start.h; xen/xen.h, struct start_info). The builder lays its
 * parts out behind the image in this order: frame list, this page, store's and console's rings, page
 * tables; nothing here relies on the order, only on all of them lying behind the image and in RAM.
 */
#include "start.h"

#include <xen/xen.h>

#define PAGE 4096ull
#define TABLE_ENTRIES 512u
#define ENTRY_PRESENT 1u
#define ENTRY_FRAME 0x000ffffffffff000ull
#define TABLES_MAX 4096u /* the builder maps little more than the image and the frame list */
#define SEARCH_MAX 64u

_Static_assert(MAX_GUEST_CMDLINE == XEN_START_CMDLINE_MAX, "command line");

/* Counts pages [begin, end) among those that are taken; false when they are no RAM behind the
 * image. */
static bool start_take(struct xen_start *out, uint64_t image_pages, uint64_t begin, uint64_t count)
{
    if (begin < image_pages || begin >= out->page_count || count > out->page_count - begin)
        return false;
    if (begin + count > out->free)
        out->free = begin + count;
    return true;
}

/* The page below `end` pages that has this frame, searched from `begin` on; 0 when there is none. */
static uint64_t start_page_of(const struct xen_start *out, uint64_t frame, uint64_t begin,
                              uint64_t end)
{
    for (uint64_t page = begin; page < end && page < out->page_count; page++) {
        if (out->frames[page] == frame)
            return page;
    }
    return 0;
}

/* The table that the first entry of `table` names; 0 when that is none of the builder's. */
static uint64_t start_table_below(xen_reader read, const struct xen_start *out, uint64_t table)
{
    const uint64_t *entries = read(table * PAGE, PAGE);
    uint64_t entry;

    if (entries == NULL)
        return 0;
    entry = entries[0];
    if ((entry & ENTRY_PRESENT) == 0)
        return 0;
    return start_page_of(out, (entry & ENTRY_FRAME) / PAGE, out->table,
                         out->table + out->table_count);
}

/* The rings' pages are named by frame; the builder puts them next to its information. */
static const char *start_rings(const struct start_info *info, uint64_t image_pages,
                               struct xen_start *out)
{
    if (info->flags & SIF_INITDOMAIN)
        return NULL; /* the first domain has none, and other words in these fields */
    if (info->store_mfn != 0) {
        out->store = start_page_of(out, info->store_mfn, out->info, out->info + SEARCH_MAX);
        out->store_port = info->store_evtchn;
        if (!start_take(out, image_pages, out->store, 1))
            return "start info: the store's page is not where it should be";
    }
    if (info->console.domU.mfn != 0) {
        out->console = start_page_of(out, info->console.domU.mfn, out->info,
                                     out->info + SEARCH_MAX);
        out->console_port = info->console.domU.evtchn;
        if (!start_take(out, image_pages, out->console, 1))
            return "start info: the console's page is not where it should be";
    }
    return NULL;
}

static const char *start_tables(xen_reader read, const struct start_info *info,
                                uint64_t image_pages, struct xen_start *out)
{
    out->table = info->pt_base / PAGE;
    out->table_count = info->nr_pt_frames;
    if (info->pt_base % PAGE != 0 || out->table_count == 0 || out->table_count > TABLES_MAX ||
        !start_take(out, image_pages, out->table, out->table_count))
        return "start info: the page tables are not where they should be";
    out->l3 = start_table_below(read, out, out->table);
    out->l2 = out->l3 != 0 ? start_table_below(read, out, out->l3) : 0;
    if (out->l2 == 0)
        return "start info: the page tables are malformed";
    return NULL;
}

static void start_cmdline(const struct start_info *info, struct xen_start *out)
{
    while (out->cmdline_bytes < XEN_START_CMDLINE_MAX) {
        char c = (char)info->cmd_line[out->cmdline_bytes];

        if (c == '\0')
            return;
        out->cmdline[out->cmdline_bytes++] = c;
    }
}

const char *xen_start_parse(xen_reader read, uint64_t info_address, uint64_t image_end,
                            struct xen_start *out)
{
    uint64_t image_pages = (image_end + PAGE - 1) / PAGE, list_bytes;
    const struct start_info *info = read(info_address, sizeof(*info));
    const char *wrong;

    *out = (struct xen_start){.free = image_pages};
    if (info_address % PAGE != 0 || info == NULL)
        return "start info: out of reach";
    out->info = info_address / PAGE;
    out->page_count = info->nr_pages;
    if (out->page_count <= image_pages || out->page_count > XEN_START_PAGES_MAX)
        return "too little memory for the image, or too much to map";
    list_bytes = out->page_count * sizeof(uint64_t);
    out->frames = read(info->mfn_list, list_bytes);
    if (info->mfn_list % PAGE != 0 || out->frames == NULL ||
        !start_take(out, image_pages, info->mfn_list / PAGE, (list_bytes + PAGE - 1) / PAGE) ||
        !start_take(out, image_pages, out->info, 1))
        return "start info: the list of frames is not where it should be";
    if (info->shared_info % PAGE != 0 || info->shared_info == 0)
        return "start info: no shared page";
    out->shared_frame = info->shared_info / PAGE;
    wrong = start_rings(info, image_pages, out);
    if (wrong == NULL)
        wrong = start_tables(read, info, image_pages, out);
    if (wrong == NULL && out->free >= out->page_count)
        wrong = "too little memory for the image";
    start_cmdline(info, out);
    return wrong;
}
