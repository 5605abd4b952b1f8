/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PV guest's memory: virtual is pseudo-physical, each segment of the image has its own rights, no
 * page is writable and executable, and page 0 and all below the image are unmapped. The builder maps
 * little more than the image, all of it writable and executable; so new tables are filled for all
 * RAM and Xen is asked, in a few batches, to put them in place of the builder's. Xen checks them and
 * keeps them unwritable from then on: later changes go through it, page by page.
 *
 * The tables lie in the pages below the image, which nothing else uses; when these are used up, in
 * the first pages of RAM. The last ones below the image hold the lists by which the tool stack finds
 * the list of frames when it saves the domain. Behind RAM there is a window of 2 MiB for pages that
 * are not ours: the one shared with Xen, the grant table, and one through which tables are read.
 */
#include "pv.h"

#include <xen/grant_table.h>

#include "arch/bootrec.h"
#include "pvabi/errno.h"

#define P_PRESENT (1ull << 0)
#define P_WRITE (1ull << 1)
#define P_USER (1ull << 2)
#define P_SEEN (1ull << 5 | 1ull << 6) /* accessed, dirty: nobody has to set them */
#define P_NO_EXECUTE (1ull << 63)
#define P_TABLE (P_PRESENT | P_WRITE | P_USER | P_SEEN)
#define P_TEXT (P_PRESENT | P_USER | P_SEEN)
#define P_READ_ONLY (P_TEXT | P_NO_EXECUTE)
#define P_READ_WRITE (P_TEXT | P_WRITE | P_NO_EXECUTE)

#define XEN_PAGE_SHIFT 12u
#define ENTRIES 512u        /* of a table */
#define CHUNK_PAGES ENTRIES /* that one table maps: 2 MiB */
#define LOW_TABLES 240u     /* from page 1 on: an address in page 0 is no good for C */
#define LISTS_PAGE 255u     /* frames of the lists, which lie below it, one for each GiB of RAM */
#define LISTS_MAX 14u
#define BATCH 24u         /* tables that Xen is handed at once */
#define PROTECT_BATCH 16u /* pages, likewise */
#define REGIONS_MAX 8u

/* In the window. */
#define WINDOW_SHARED 16u /* pages below stay unmapped: a guard behind RAM */
#define WINDOW_PEEK 17u
#define WINDOW_GRANTS 18u

/* From image.lds. */
extern const char text_begin[], text_end[], rodata_begin[], rodata_end[];
extern const char data_begin[], data_end[], boot_stack_low[], image_end[];

struct xen_region {
    uint64_t begin, end; /* pages */
    uint64_t flags;
};

static struct {
    struct xen_region regions[REGIONS_MAX]; /* ascending; between them nothing is mapped */
    unsigned region_count;
    uint64_t window; /* the chunk behind RAM */
    uint64_t ram;    /* the first page for the kernel */
    unsigned grants; /* frames of the grant table that are mapped */
    bool on;
} xen_pv_map;

/* What Xen is to do at once: unmap the tables where they lie, then put them where they belong. */
struct xen_batch {
    struct multicall_entry calls[BATCH + 2];
    struct mmu_update updates[BATCH];
    unsigned count;
};

/* ---- which page is which table ------------------------------------------------------------ */

/* The tables in the order in which they are made: for each GiB but the first (which has the
 * builder's) one that lists 512 chunks, then one for each of its chunks. */
static EARLY uint64_t pool_page(uint64_t index)
{
    return index < LOW_TABLES ? 1 + index : xen_pv_start.free + index - LOW_TABLES;
}

static EARLY uint64_t chunk_table(uint64_t chunk)
{
    return pool_page(chunk + chunk / ENTRIES);
}

static EARLY uint64_t list_table(uint64_t gib)
{
    return gib == 0 ? xen_pv_start.l2 : pool_page(gib * ENTRIES + gib - 1);
}

static EARLY uint64_t entry_address(uint64_t table, uint64_t index)
{
    return xen_pv_start.frames[table] * XEN_PAGE + index % ENTRIES * sizeof(uint64_t);
}

/* ---- filling tables ----------------------------------------------------------------------- */

static EARLY void region_add(uint64_t begin, uint64_t end, uint64_t flags)
{
    if (begin < end)
        xen_pv_map.regions[xen_pv_map.region_count++] = (struct xen_region){begin, end, flags};
}

static EARLY uint64_t page_up(const char *address)
{
    return ((uintptr_t)address + XEN_PAGE - 1) / XEN_PAGE;
}

/* Pages of the list of frames. */
static EARLY uint64_t list_pages(void)
{
    return (xen_pv_start.page_count + ENTRIES - 1) / ENTRIES;
}

static EARLY void regions_find(void)
{
    const struct xen_start *start = &xen_pv_start;
    uint64_t tables_end = start->table + start->table_count;

    region_add((uintptr_t)text_begin / XEN_PAGE, page_up(text_end), P_TEXT);
    region_add((uintptr_t)rodata_begin / XEN_PAGE, page_up(rodata_end), P_READ_ONLY);
    region_add((uintptr_t)data_begin / XEN_PAGE, page_up(data_end), P_READ_WRITE);
    region_add((uintptr_t)boot_stack_low / XEN_PAGE, page_up(image_end), P_READ_WRITE);
    /* The builder's pages, without its tables: Xen lets nobody write to those. */
    region_add(page_up(image_end), start->table, P_READ_WRITE);
    region_add(tables_end, start->free, P_READ_WRITE);
    region_add(start->free, start->page_count, P_READ_WRITE);
}

static EARLY void table_clear(uint64_t *table)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = 0;
}

/* Most of what a start executes: two entries at a time take half the instructions. */
typedef uint64_t xen_pair __attribute__((vector_size(16), aligned(8), may_alias));

static EARLY void eight_fill(xen_pair *entries, const xen_pair *frames, uint64_t flags)
{
    const xen_pair both = {flags, flags};

#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++)
        entries[i] = frames[i] << XEN_PAGE_SHIFT | both;
}

static EARLY void chunk_fill(uint64_t *table, uint64_t chunk)
{
    uint64_t first = chunk * CHUNK_PAGES, last = first + CHUNK_PAGES;

    if (first < xen_pv_start.free || last > xen_pv_start.page_count)
        table_clear(table);
    for (unsigned i = 0; i < xen_pv_map.region_count; i++) {
        const struct xen_region *region = &xen_pv_map.regions[i];
        uint64_t page = region->begin > first ? region->begin : first;
        uint64_t end = region->end < last ? region->end : last, flags = region->flags;
        const uint64_t *frame = xen_pv_start.frames + page;
        uint64_t *entry = table + (page - first);

        for (; page + 8 <= end; page += 8, entry += 8, frame += 8)
            eight_fill((xen_pair *)(void *)entry, (const xen_pair *)(const void *)frame, flags);
        for (; page < end; page++)
            *entry++ = *frame++ * XEN_PAGE | flags;
    }
}

/* ---- handing them to Xen ------------------------------------------------------------------ */

static EARLY void batch_run(struct xen_batch *batch)
{
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    struct multicall_entry *calls = batch->calls;
    unsigned count = batch->count;

    calls[count] = (struct multicall_entry){
        .op = __HYPERVISOR_mmu_update,
        .args = {(uintptr_t)batch->updates, count, 0, DOMID_SELF},
    };
    calls[count + 1] = (struct multicall_entry){
        .op = __HYPERVISOR_mmuext_op,
        .args = {(uintptr_t)&flush, 1, 0, DOMID_SELF},
    };
    count += 2;
    if (xen_hypercall(__HYPERVISOR_multicall, (uintptr_t)calls, count, 0, 0) != 0)
        xen_crash("Xen refuses the page tables", NULL);
    for (unsigned i = 0; i < count; i++) {
        if (calls[i].result != 0)
            xen_crash("Xen refuses a page table", NULL);
    }
    batch->count = 0;
}

/* The table in `page`, filled, belongs into `entry` of the table `above`. */
static EARLY void batch_add(struct xen_batch *batch, uint64_t page, uint64_t above, uint64_t entry)
{
    if (batch->count == BATCH)
        batch_run(batch);
    batch->calls[batch->count] = (struct multicall_entry){
        .op = __HYPERVISOR_update_va_mapping,
        .args = {page * XEN_PAGE, 0, UVMF_INVLPG | UVMF_LOCAL},
    };
    batch->updates[batch->count] = (struct mmu_update){
        .ptr = entry_address(above, entry) | MMU_NORMAL_PT_UPDATE,
        .val = xen_pv_start.frames[page] * XEN_PAGE | P_TABLE,
    };
    batch->count++;
}

static EARLY void chunk_map(struct xen_batch *batch, uint64_t chunk)
{
    uint64_t page = chunk_table(chunk), gib = chunk / ENTRIES;
    uint64_t *table;

    if (gib > 0 && (chunk % ENTRIES == 0)) {
        table_clear((uint64_t *)(list_table(gib) * XEN_PAGE));
        batch_add(batch, list_table(gib), xen_pv_start.l3, gib);
    }
    table = (uint64_t *)(page * XEN_PAGE);
    chunk_fill(table, chunk);
    if (chunk == xen_pv_map.window)
        table[WINDOW_SHARED] = xen_pv_start.shared_frame * XEN_PAGE | P_READ_WRITE;
    batch_add(batch, page, list_table(gib), chunk);
}

/* The tool stack finds the list of frames by lists of its pages' frames (xen/arch-x86/xen.h, struct
 * arch_shared_info). With more RAM than these describe the domain cannot be saved. */
static EARLY uint64_t lists_count(void)
{
    uint64_t count = (list_pages() + ENTRIES - 1) / ENTRIES;

    return count < LISTS_MAX ? count : LISTS_MAX;
}

static EARLY void list_fill(uint64_t *to, uint64_t list)
{
    const uint64_t *frames = xen_pv_start.frames;
    uint64_t page = (uintptr_t)frames / XEN_PAGE + list * ENTRIES;
    uint64_t left = list_pages() - list * ENTRIES;

    for (uint64_t i = 0; i < left && i < ENTRIES; i++)
        to[i] = frames[page + i];
}

static EARLY void list_of_lists_fill(uint64_t *to)
{
    for (uint64_t list = 0; list < lists_count(); list++)
        to[list] = xen_pv_start.frames[LISTS_PAGE - 1 - list];
}

static EARLY void lists_fill(void)
{
    for (uint64_t list = 0; list < lists_count(); list++)
        list_fill((uint64_t *)((LISTS_PAGE - 1 - list) * XEN_PAGE), list);
    list_of_lists_fill((uint64_t *)(LISTS_PAGE * XEN_PAGE));
}

static EARLY void lists_tell(struct shared_info *shared)
{
    if (list_pages() > LISTS_MAX * ENTRIES)
        return;
    shared->arch.max_pfn = xen_pv_start.page_count;
    shared->arch.pfn_to_mfn_frame_list_list = xen_pv_start.frames[LISTS_PAGE];
}

static EARLY void *window_page(unsigned index)
{
    return (void *)((xen_pv_map.window * CHUNK_PAGES + index) * XEN_PAGE);
}

EARLY struct shared_info *xen_pv_memory_start(struct bootrec *record)
{
    struct xen_start *start = &xen_pv_start;
    uint64_t chunks = (start->page_count + CHUNK_PAGES - 1) / CHUNK_PAGES, tables, low, chunk;
    struct xen_batch batch;

    xen_pv_map.window = chunks;
    tables = chunks + chunks / ENTRIES + 1;
    xen_pv_map.ram = start->free + (tables > LOW_TABLES ? tables - LOW_TABLES : 0);
    if (xen_pv_map.ram >= start->page_count)
        xen_crash("too little memory for the page tables", NULL);
    regions_find();
    lists_fill();

    /* The first chunk last of those whose tables lie below the image: it unmaps them. */
    low = chunks + 1 < LOW_TABLES ? chunks + 1 : LOW_TABLES;
    batch.count = 0;
    for (chunk = 1; chunk < low; chunk++)
        chunk_map(&batch, chunk);
    chunk_map(&batch, 0);
    for (; chunk <= chunks; chunk++)
        chunk_map(&batch, chunk);
    batch_run(&batch);
    xen_pv_map.on = true;

    record->ram_bytes = start->page_count * XEN_PAGE;
    record->ram[0] = (struct bootrec_range){xen_pv_map.ram * XEN_PAGE,
                                            start->page_count * XEN_PAGE};
    record->ram_count = 1;
    lists_tell(window_page(WINDOW_SHARED));
    return window_page(WINDOW_SHARED);
}

/* ---- afterwards --------------------------------------------------------------------------- */

static int page_map(const void *address, uint64_t entry)
{
    return (int)xen_hypercall(__HYPERVISOR_update_va_mapping, (uintptr_t)address, entry,
                              UVMF_INVLPG | UVMF_LOCAL, 0);
}

/* A page below the image, in the window. */
static uint64_t *low_page_map(uint64_t page)
{
    uint64_t *at = window_page(WINDOW_PEEK);

    if (page_map(at, xen_pv_start.frames[page] * XEN_PAGE | P_READ_WRITE) != 0)
        xen_crash("Xen does not map a page of the domain's", NULL);
    return at;
}

/* A restored domain has other frames, of which nobody but itself tells the tool stack. */
static void lists_fill_again(void)
{
    for (uint64_t list = 0; list < lists_count(); list++)
        list_fill(low_page_map(LISTS_PAGE - 1 - list), list);
    list_of_lists_fill(low_page_map(LISTS_PAGE));
}

struct shared_info *xen_pv_shared_map(uint64_t frame)
{
    struct shared_info *shared = window_page(WINDOW_SHARED);

    if (page_map(shared, frame * XEN_PAGE | P_READ_WRITE) != 0)
        xen_crash("Xen does not map the page that it shares", NULL);
    lists_fill_again();
    lists_tell(shared);
    return shared;
}

void xen_pv_grants_map_again(void)
{
    for (unsigned i = 0; i < xen_pv_map.grants; i++)
        xen_pv_grant_table_map(i);
}

void xen_pv_window_clear(void)
{
    for (unsigned i = WINDOW_SHARED; i < WINDOW_GRANTS + XEN_GRANT_FRAMES_MAX; i++)
        page_map(window_page(i), 0);
}

bool xen_pv_in_ram(uint64_t address)
{
    uint64_t page = address / XEN_PAGE;

    return page >= (uintptr_t)text_begin / XEN_PAGE && page < xen_pv_start.page_count;
}

unsigned xen_pv_mapped(uint64_t address)
{
    uint64_t page = address / XEN_PAGE, chunk = page / CHUNK_PAGES, entry;
    const uint64_t *table = window_page(WINDOW_PEEK);
    uint64_t frame;

    if (!xen_pv_map.on || chunk > xen_pv_map.window)
        return 0;
    frame = xen_pv_start.frames[chunk_table(chunk)];
    if (page_map(table, frame * XEN_PAGE | P_READ_ONLY) != 0)
        return 0;
    entry = *(const volatile uint64_t *)&table[page % CHUNK_PAGES];
    if ((entry & P_PRESENT) == 0)
        return 0;
    return PV_MAP_PRESENT | (entry & P_WRITE ? PV_MAP_WRITE : 0) |
           (entry & P_NO_EXECUTE ? 0 : PV_MAP_EXECUTE);
}

/* Is [begin, end) RAM of the allocator's or the image's writable part? */
static bool may_protect(uint64_t begin, uint64_t end)
{
    return (begin >= (uintptr_t)data_begin && end <= (uintptr_t)image_end) ||
           (begin >= xen_pv_map.ram * XEN_PAGE && end <= xen_pv_start.page_count * XEN_PAGE);
}

static int protect_batch(uint64_t page, unsigned count, uint64_t flags)
{
    struct multicall_entry calls[PROTECT_BATCH];

    for (unsigned i = 0; i < count; i++) {
        uint64_t entry = flags != 0 ? xen_pv_start.frames[page + i] * XEN_PAGE | flags : 0;

        calls[i] = (struct multicall_entry){
            .op = __HYPERVISOR_update_va_mapping,
            .args = {(page + i) * XEN_PAGE, entry, UVMF_INVLPG | UVMF_LOCAL},
        };
    }
    if (xen_hypercall(__HYPERVISOR_multicall, (uintptr_t)calls, count, 0, 0) != 0)
        return -EINVAL;
    for (unsigned i = 0; i < count; i++) {
        if (calls[i].result != 0)
            return -EINVAL;
    }
    return 0;
}

int xen_pv_protect(void *address, size_t bytes, enum pv_rights rights)
{
    static const uint64_t xen_rights[] = {
        [PV_NONE] = 0, [PV_READ] = P_READ_ONLY, [PV_READ_WRITE] = P_READ_WRITE};
    uint64_t begin = (uintptr_t)address, end, page = begin / XEN_PAGE, left = bytes / XEN_PAGE;

    if (begin % XEN_PAGE != 0 || bytes % XEN_PAGE != 0 ||
        __builtin_add_overflow(begin, bytes, &end) || !may_protect(begin, end) ||
        (unsigned)rights > PV_READ_WRITE)
        return -EINVAL;
    while (left > 0) {
        unsigned count = left < PROTECT_BATCH ? (unsigned)left : PROTECT_BATCH;
        int error = protect_batch(page, count, xen_rights[rights]);

        if (error != 0)
            return error;
        page += count;
        left -= count;
    }
    return 0;
}

void *xen_pv_grant_table_map(unsigned index)
{
    xen_pfn_t frames[XEN_GRANT_FRAMES_MAX];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = index + 1};
    void *address = window_page(WINDOW_GRANTS + index);

    if (index >= XEN_GRANT_FRAMES_MAX)
        return NULL;
    set_xen_guest_handle(setup.frame_list, frames);
    if (xen_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (uintptr_t)&setup, 1, 0) !=
            0 ||
        setup.status != GNTST_okay ||
        page_map(address, frames[index] * XEN_PAGE | P_READ_WRITE) != 0)
        return NULL;
    if (index >= xen_pv_map.grants)
        xen_pv_map.grants = index + 1;
    return address;
}
