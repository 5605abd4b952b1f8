/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables: virtual is physical, each segment of the image has its own rights, no page is
 * writable and executable, and what is neither the image, RAM nor a device that someone uses is
 * unmapped: page 0 and all below the image first of all. Large pages where they fit; a large page
 * that must change in part is split with a table from a pool that was measured for that.
 */
#include "arch/bootrec.h"
#include "bare.h"
#include "cpu.h"
#include "pvabi/errno.h"

#define P_PRESENT (1ull << 0)
#define P_WRITE (1ull << 1)
#define P_UNCACHED (1ull << 3 | 1ull << 4)
#define P_LARGE (1ull << 7)
#define P_NO_EXECUTE (1ull << 63)
#define P_ADDRESS 0x000ffffffffff000ull
#define P_READ_ONLY (P_PRESENT | P_NO_EXECUTE)
#define P_READ_WRITE (P_PRESENT | P_WRITE | P_NO_EXECUTE)

#define SHIFT_PAGE 12u
#define SHIFT_2M 21u
#define SHIFT_1G 30u
#define SHIFT_TOP 39u
#define SHIFT_LEVEL 9u
#define TABLE_ENTRIES 512u
#define ADDRESS_END (1ull << 47)      /* of the half that we use */
#define DEVICE_TABLES 24u             /* in the pool for windows outside RAM */
#define RAM_LEFT_MIN (16 * BARE_PAGE) /* beside the pool, for anything to work */
#define FLUSH_ALL_PAGES 32u

/* From image.lds. */
extern const char image_begin[], text_begin[], text_end[], rodata_begin[], rodata_end[];
extern const char data_begin[], data_end[], boot_stack_low[], image_end[];

static uint64_t bare_pml4[TABLE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t bare_pdpt[TABLE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t bare_pd[TABLE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t bare_pt[TABLE_ENTRIES] __attribute__((aligned(4096)));

static struct {
    uint64_t begin, end;  /* the pool of tables */
    uint64_t next;        /* its first unused one */
    unsigned large_shift; /* the largest pages that the CPU knows */
    bool on;
    const struct bootrec *record;
} bare_paging;

/* A table of the pool, zeroed; NULL when it is used up. */
static EARLY uint64_t *bare_table_new(void)
{
    uint64_t *table = (uint64_t *)bare_paging.next;

    if (bare_paging.next == bare_paging.end)
        return NULL;
    bare_paging.next += BARE_PAGE;
    bare_stosq(table, 0, TABLE_ENTRIES);
    return table;
}

/* The table below an entry that maps 1 << shift bytes: made, or the large page split, if need
 * be. */
static EARLY uint64_t *bare_table_below(uint64_t *entry, unsigned shift)
{
    uint64_t *table;

    if ((*entry & P_PRESENT) && !(*entry & P_LARGE))
        return (uint64_t *)(*entry & P_ADDRESS);
    table = bare_table_new();
    if (table == NULL)
        return NULL;
    if (*entry & P_PRESENT) {
        uint64_t step = 1ull << (shift - SHIFT_LEVEL);
        uint64_t piece = shift - SHIFT_LEVEL == SHIFT_PAGE ? *entry & ~P_LARGE : *entry;

        for (unsigned i = 0; i < TABLE_ENTRIES; i++)
            table[i] = piece + i * step;
    }
    *entry = (uintptr_t)table | P_PRESENT | P_WRITE;
    return table;
}

/* Maps whole pages to themselves; flags 0 unmaps. 0 or -ENOMEM, then in part. */
static EARLY int bare_map(uint64_t begin, uint64_t end, uint64_t flags)
{
    const uint64_t step = flags ? BARE_PAGE : 0;

    while (begin < end) {
        uint64_t *table = bare_pml4, *entry;
        unsigned shift = SHIFT_TOP;

        for (;; shift -= SHIFT_LEVEL) {
            uint64_t size = 1ull << shift;

            entry = &table[begin >> shift & (TABLE_ENTRIES - 1)];
            if (shift == SHIFT_PAGE ||
                (shift <= bare_paging.large_shift && begin % size == 0 && end - begin >= size &&
                 (!(*entry & P_PRESENT) || (*entry & P_LARGE))))
                break;
            table = bare_table_below(entry, shift);
            if (table == NULL)
                return -ENOMEM;
        }
        /* The pages that follow in the same table. */
        if (shift == SHIFT_PAGE) {
            uint64_t pages = (end - begin) / BARE_PAGE, value = flags ? begin | flags : 0;
            uint64_t *last = table + TABLE_ENTRIES;

            if (pages < (uint64_t)(last - entry))
                last = entry + pages;
            for (begin += (uint64_t)(last - entry) * BARE_PAGE; entry < last; value += step)
                *entry++ = value;
        } else {
            *entry = flags ? begin | flags | P_LARGE : 0;
            begin += 1ull << shift;
        }
    }
    return 0;
}

static EARLY void bare_map_image(uintptr_t begin, uintptr_t end, uint64_t flags)
{
    if (bare_map(begin & -BARE_PAGE, (end + BARE_PAGE - 1) & -BARE_PAGE, flags) < 0)
        bare_crash("too little memory for the page tables", NULL);
}

/* How many tables mapping [begin, end) in 4 KiB pages takes. */
static EARLY uint64_t bare_tables_for(uint64_t begin, uint64_t end)
{
    uint64_t tables = 0;

    for (unsigned shift = SHIFT_2M; shift <= SHIFT_TOP; shift += SHIFT_LEVEL)
        tables += ((end - 1) >> shift) - (begin >> shift) + 1;
    return tables;
}

/* Takes memory for all tables that there can ever be, and some for devices, from the first range
 * that has it. */
static EARLY void bare_pool_take(struct bootrec *record)
{
    uint64_t bytes = DEVICE_TABLES;

    for (unsigned i = 0; i < record->ram_count; i++)
        bytes += bare_tables_for(record->ram[i].begin, record->ram[i].end);
    for (unsigned i = 0; i < record->module_count; i++)
        bytes += bare_tables_for(record->modules[i].begin, record->modules[i].end);
    bytes *= BARE_PAGE;
    for (unsigned i = 0; i < record->ram_count; i++) {
        struct bootrec_range *range = &record->ram[i];

        if (range->end - range->begin < bytes + RAM_LEFT_MIN)
            continue;
        bare_paging.begin = bare_paging.next = range->begin;
        range->begin += bytes;
        bare_paging.end = range->begin;
        return;
    }
    bare_crash("too little memory for the page tables", NULL);
}

EARLY void bare_paging_start(struct bootrec *record)
{
    uint64_t pool = 0;
    uint32_t cpuid[4];

    bare_cpuid(0x80000001u, 0, cpuid);
    if (!(cpuid[3] & 1u << 20))
        bare_crash("this CPU cannot protect data from execution (NX)", NULL);
    bare_paging.large_shift = cpuid[3] & 1u << 26 ? SHIFT_1G : SHIFT_2M;
    bare_wrmsr(BARE_MSR_EFER, bare_rdmsr(BARE_MSR_EFER) | BARE_EFER_NXE);

    bare_pool_take(record);
    bare_paging.record = record;

    bare_pml4[0] = (uintptr_t)bare_pdpt | P_PRESENT | P_WRITE;
    bare_pdpt[0] = (uintptr_t)bare_pd | P_PRESENT | P_WRITE;
    bare_pd[0] = (uintptr_t)bare_pt | P_PRESENT | P_WRITE;
    bare_map_image((uintptr_t)text_begin, (uintptr_t)text_end, P_PRESENT);
    bare_map_image((uintptr_t)rodata_begin, (uintptr_t)rodata_end, P_READ_ONLY);
    bare_map_image((uintptr_t)data_begin, (uintptr_t)data_end, P_READ_WRITE);
    bare_map_image((uintptr_t)boot_stack_low, (uintptr_t)image_end, P_READ_WRITE);
    for (unsigned i = 0; i < record->ram_count; i++) {
        /* The pool lies right below one of them: together, large pages fit better. */
        pool = record->ram[i].begin == bare_paging.end ? bare_paging.end - bare_paging.begin : 0;
        bare_map_image(record->ram[i].begin - pool, record->ram[i].end, P_READ_WRITE);
    }
    for (unsigned i = 0; i < record->module_count; i++)
        bare_map_image(record->modules[i].begin, record->modules[i].end, P_READ_ONLY);
    bare_cr3_set((uintptr_t)bare_pml4);
    bare_paging.on = true;
}

/* The entry that maps `address`, or NULL when nothing does; either way 1 << *shift bytes around it
 * are the same. */
static uint64_t *bare_entry_of(uint64_t address, unsigned *shift)
{
    uint64_t *table = bare_pml4;

    *shift = SHIFT_TOP;
    if (address >= ADDRESS_END)
        return NULL;
    for (;; *shift -= SHIFT_LEVEL) {
        uint64_t *entry = &table[address >> *shift & (TABLE_ENTRIES - 1)];

        if (!(*entry & P_PRESENT))
            return NULL;
        if (*shift == SHIFT_PAGE || (*entry & P_LARGE))
            return entry;
        table = (uint64_t *)(*entry & P_ADDRESS);
    }
}

unsigned bare_mapped(uint64_t address)
{
    unsigned shift;
    const uint64_t *entry = bare_paging.on ? bare_entry_of(address, &shift) : NULL;

    if (entry == NULL)
        return 0;
    return PV_MAP_PRESENT | (*entry & P_WRITE ? PV_MAP_WRITE : 0) |
           (*entry & P_NO_EXECUTE ? 0 : PV_MAP_EXECUTE);
}

/* Does [begin, end) touch RAM of ours, or the image? */
static bool bare_touches_ram(uint64_t begin, uint64_t end)
{
    const struct bootrec *record = bare_paging.record;

    if ((begin < (uintptr_t)image_end && end > (uintptr_t)image_begin) ||
        (begin < bare_paging.end && end > bare_paging.begin))
        return true;
    for (unsigned i = 0; i < record->ram_count; i++) {
        if (begin < record->ram[i].end && end > record->ram[i].begin)
            return true;
    }
    return false;
}

bool bare_in_ram(uint64_t address)
{
    return bare_touches_ram(address, address + 1);
}

static EARLY void *bare_map_window(uint64_t address, uint64_t bytes, uint64_t flags)
{
    uint64_t begin = address & -BARE_PAGE, end, next;

    if (bytes == 0 || __builtin_add_overflow(address, bytes + BARE_PAGE - 1, &end) ||
        end > ADDRESS_END)
        return NULL;
    end &= -BARE_PAGE;
    if (bare_touches_ram(begin, end))
        return NULL;
    /* What is mapped already stays, so that one page can hold several devices' registers. */
    for (; begin < end; begin = next) {
        unsigned shift;
        bool mapped = bare_entry_of(begin, &shift) != NULL;

        next = (begin | ((1ull << shift) - 1)) + 1;
        if (next > end)
            next = end;
        if (!mapped && bare_map(begin, next, flags) < 0)
            return NULL;
    }
    return (void *)address;
}

volatile void *bare_map_device(uint64_t address, uint64_t bytes)
{
    return bare_map_window(address, bytes, P_READ_WRITE | P_UNCACHED);
}

EARLY void *bare_map_shared(uint64_t address, uint64_t bytes)
{
    return bare_map_window(address, bytes, P_READ_WRITE);
}

const void *bare_map_firmware(uint64_t address, uint64_t bytes)
{
    return bare_map_window(address, bytes, P_READ_ONLY);
}

/* Is [begin, end) RAM of the allocator's or the image's writable part? */
static bool bare_may_protect(uint64_t begin, uint64_t end)
{
    const struct bootrec *record = bare_paging.record;

    if (begin >= (uintptr_t)data_begin && end <= (uintptr_t)image_end)
        return true;
    for (unsigned i = 0; i < record->ram_count; i++) {
        if (begin >= record->ram[i].begin && end <= record->ram[i].end)
            return true;
    }
    return false;
}

int bare_protect(void *address, size_t bytes, enum pv_rights rights)
{
    static const uint64_t bare_flags[] = {
        [PV_NONE] = 0, [PV_READ] = P_READ_ONLY, [PV_READ_WRITE] = P_READ_WRITE};
    uint64_t begin = (uintptr_t)address, end;
    int result;

    if (begin % BARE_PAGE != 0 || bytes % BARE_PAGE != 0 ||
        __builtin_add_overflow(begin, bytes, &end) || !bare_may_protect(begin, end) ||
        (unsigned)rights > PV_READ_WRITE)
        return -EINVAL;
    result = bare_map(begin, end, bare_flags[rights]);
    if (bytes / BARE_PAGE > FLUSH_ALL_PAGES) {
        bare_cr3_set((uintptr_t)bare_pml4);
    } else {
        for (; begin < end; begin += BARE_PAGE)
            bare_invlpg(begin);
    }
    return result;
}
