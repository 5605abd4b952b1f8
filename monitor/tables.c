/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds the guest's page tables (layout.h says what is where) and descriptor tables, and computes
 * changes to page rights. Entries are written directly only before the vCPU runs or in a table that
 * is not linked yet; all other changes go through the writer's list.
 */
#include "tables.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "stubs.h"

#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_WRITABLE (1ull << 1)
#define ENTRY_USER (1ull << 2)
/* Accessed and dirty are set from the start: nobody reads them, and a KVM with shadow page tables
 * maps neighbours of a touched page at once only if they are accessed. */
#define ENTRY_USED (3ull << 5)
#define ENTRY_LARGE (1ull << 7)
#define ENTRY_RAM (1ull << 9) /* ignored by the CPU: rights may change */
#define ENTRY_NX (1ull << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define ENTRY_LINK (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_USED)

#define ENTRIES 512u
#define TABLE_SPAN LAYOUT_LARGE_PAGE

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_USER_DATA (0x18 | 3)
#define SELECTOR_USER_CODE (0x20 | 3)
#define SELECTOR_TSS 0x28

#define TSS_STACK_1 36 /* byte offsets in a 64-bit TSS */
#define TSS_STACK_2 44
#define TSS_BITMAP_BASE 102
#define TSS_BYTES 104
#define TSS_BITMAP_BYTES 3 /* ports 0 to 15, and a byte of ones */

static uint8_t *host_at(const struct tables *tables, uint64_t address)
{
    return tables->memory->host + (address - tables->memory->base);
}

static uint64_t *entry_at(const struct tables *tables, uint64_t table, uint64_t index)
{
    return (uint64_t *)(void *)host_at(tables, table) + index;
}

/* The page table that may hold the 4 KiB entries of a part of RAM. */
static uint64_t table_of(const struct layout *layout, uint64_t address)
{
    uint64_t region = address / TABLE_SPAN;
    return region == 0 ? layout->first_table : layout->split + region * PVN_PAGE_SIZE;
}

static uint64_t *directory_entry(const struct tables *tables, uint64_t address)
{
    return entry_at(tables, tables->layout->directories, address / TABLE_SPAN);
}

static uint64_t page_index(uint64_t address)
{
    return address / PVN_PAGE_SIZE % ENTRIES;
}

static void map_small(const struct tables *tables, uint64_t address, uint64_t flags)
{
    uint64_t *directory = directory_entry(tables, address);
    uint64_t table = table_of(tables->layout, address);

    *directory = table | ENTRY_LINK;
    *entry_at(tables, table, page_index(address)) = address | flags;
}

static void map_free_ram(const struct tables *tables, uint64_t begin)
{
    const uint64_t flags = ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_USED | ENTRY_RAM |
                           ENTRY_NX;
    uint64_t end = tables->layout->ram_end;

    for (uint64_t at = begin; at < end;) {
        if (at % TABLE_SPAN == 0 && end - at >= TABLE_SPAN) {
            *directory_entry(tables, at) = at | flags | ENTRY_LARGE;
            at += TABLE_SPAN;
        } else {
            map_small(tables, at, flags);
            at += PVN_PAGE_SIZE;
        }
    }
}

static void map_area(const struct tables *tables, uint64_t begin, uint64_t bytes, uint64_t flags)
{
    const struct layout *layout = tables->layout;

    for (uint64_t at = begin; at < begin + bytes; at += PVN_PAGE_SIZE) {
        uint64_t table = layout->area_tables + (at - layout->area) / TABLE_SPAN * PVN_PAGE_SIZE;
        *directory_entry(tables, at) = table | ENTRY_LINK;
        *entry_at(tables, table, page_index(at)) = at | flags | ENTRY_PRESENT | ENTRY_USED;
    }
}

static void build_descriptors(const struct tables *tables)
{
    const struct layout *layout = tables->layout;
    uint8_t *system = host_at(tables, layout->system);
    uint64_t tss = layout->system + SYSTEM_TSS;
    const uint64_t gdt[] = {
        0,
        0x00af9b000000ffffull, /* ring 0 code, 64-bit */
        0x00cf93000000ffffull, /* ring 0 data */
        0x00cff3000000ffffull, /* ring 3 data */
        0x00affb000000ffffull, /* ring 3 code, 64-bit */
        (TSS_BYTES + TSS_BITMAP_BYTES - 1) | (tss & 0xffffff) << 16 | 0x8bull << 40 |
            (tss >> 24 & 0xff) << 56,
        tss >> 32,
    };
    const uint64_t stack_1 = layout->system + SYSTEM_STACK;
    const uint64_t stack_2 = layout->system + SYSTEM_STACK_URGENT;
    const uint16_t bitmap_base = TSS_BYTES;
    const uint8_t bitmap[TSS_BITMAP_BYTES] = {0xff, 0x00, 0xff};

    memcpy(system + SYSTEM_GDT, gdt, sizeof gdt);
    memcpy(system + SYSTEM_TSS + TSS_STACK_1, &stack_1, sizeof stack_1);
    memcpy(system + SYSTEM_TSS + TSS_STACK_2, &stack_2, sizeof stack_2);
    memcpy(system + SYSTEM_TSS + TSS_BITMAP_BASE, &bitmap_base, sizeof bitmap_base);
    memcpy(system + SYSTEM_TSS + TSS_BYTES, bitmap, sizeof bitmap);

    for (unsigned vector = 0; vector < STUB_GATES; vector++) {
        uint64_t handler = layout->stubs + (vector == STUB_WRITER_VECTOR
                                                ? (uint64_t)(stubs_writer - stubs_begin)
                                                : (uint64_t)vector * STUB_BYTES);
        bool urgent = vector == 2 || vector == 8 || vector == 18;
        bool ring3 = vector == 3 || vector == 4; /* INT3 and INTO may be executed */
        uint64_t gate[2] = {
            (handler & 0xffff) | (uint64_t)SELECTOR_KERNEL_CODE << 16 | (urgent ? 2ull : 1) << 32 |
                (ring3 ? 0xeeull : 0x8e) << 40 | (handler >> 16 & 0xffff) << 48,
            handler >> 32,
        };
        memcpy(system + SYSTEM_IDT + vector * sizeof gate, gate, sizeof gate);
    }
    memcpy(host_at(tables, layout->stubs), stubs_begin, (size_t)(stubs_end - stubs_begin));
}

void tables_build(const struct tables *tables, uint64_t image_end)
{
    const struct layout *layout = tables->layout;
    const uint64_t read_only = ENTRY_USER | ENTRY_NX;
    const uint64_t read_write = ENTRY_USER | ENTRY_WRITABLE | ENTRY_NX;
    const uint64_t system = ENTRY_WRITABLE | ENTRY_NX;

    *entry_at(tables, layout->area, 0) = layout->pdpt | ENTRY_LINK;
    for (unsigned i = 0; i < layout->directory_count; i++)
        *entry_at(tables, layout->pdpt, i) = (layout->directories + i * PVN_PAGE_SIZE) | ENTRY_LINK;
    map_free_ram(tables, image_end);
    /* The writer changes tables of RAM, so these are mapped for it: the first one, the directories,
     * the split ones. The PML4, the PDPT and the area's own tables are mapped nowhere. */
    map_area(tables, layout->first_table, PVN_PAGE_SIZE, system);
    map_area(tables, layout->directories, layout->directory_count * PVN_PAGE_SIZE, system);
    map_area(tables, layout->system, PVN_PAGE_SIZE, system);
    map_area(tables, layout->stubs, PVN_PAGE_SIZE, 0);
    map_area(tables, layout->record, layout->record_bytes, read_only);
    map_area(tables, layout->clock, PVN_PAGE_SIZE, read_only);
    map_area(tables, layout->seed, PVN_PAGE_SIZE, read_write);
    map_area(tables, layout->vcpu, PVN_PAGE_SIZE, read_write);
    map_area(tables, layout->control, layout->control_bytes, read_write);
    map_area(tables, layout->config, layout->config_bytes, read_only);
    map_area(tables, layout->rings, layout->rings_bytes, read_write);
    if (layout->stamps)
        map_area(tables, layout->stamps, PVN_PAGE_SIZE, read_write);
    map_area(tables, layout->split, layout->split_end - layout->split, system);
    build_descriptors(tables);
}

void tables_map_image(const struct tables *tables, uint64_t begin, uint64_t end, bool writable,
                      bool executable)
{
    uint64_t flags = ENTRY_PRESENT | ENTRY_USER | ENTRY_USED;

    if (writable)
        flags |= ENTRY_WRITABLE | ENTRY_RAM;
    if (!executable)
        flags |= ENTRY_NX;
    for (uint64_t at = begin; at < end; at += PVN_PAGE_SIZE)
        map_small(tables, at, flags);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t ring, bool code)
{
    return (struct kvm_segment){.limit = UINT32_MAX,
                                .selector = selector,
                                .type = type,
                                .present = 1,
                                .dpl = ring,
                                .s = 1,
                                .g = 1,
                                .l = code,
                                .db = !code};
}

void tables_set_registers(const struct tables *tables, struct kvm_sregs *registers)
{
    const struct layout *layout = tables->layout;

    registers->cs = segment(SELECTOR_USER_CODE, 11, 3, true);
    registers->ss = segment(SELECTOR_USER_DATA, 3, 3, false);
    registers->ds = registers->es = registers->fs = registers->gs = registers->ss;
    registers->tr = (struct kvm_segment){.base = layout->system + SYSTEM_TSS,
                                         .limit = TSS_BYTES + TSS_BITMAP_BYTES - 1,
                                         .selector = SELECTOR_TSS,
                                         .type = 11,
                                         .present = 1};
    registers->ldt = (struct kvm_segment){.unusable = 1};
    registers->gdt = (struct kvm_dtable){.base = layout->system + SYSTEM_GDT, .limit = 7 * 8 - 1};
    registers->idt = (struct kvm_dtable){.base = layout->system + SYSTEM_IDT,
                                         .limit = STUB_GATES * 16 - 1};
    registers->cr0 = 0x80010033; /* PG, WP, NE, ET, MP, PE */
    registers->cr3 = layout->area;
    registers->cr4 = 0x50620; /* OSXSAVE, FSGSBASE, OSXMMEXCPT, OSFXSR, PAE */
    registers->efer = 0xd00;  /* NXE, LMA, LME; no SCE, so that SYSCALL is an invalid opcode */
}

static uint64_t with_rights(uint64_t entry, enum pvn_rights rights)
{
    entry &= ~(ENTRY_PRESENT | ENTRY_WRITABLE);
    if (rights != PVN_NONE)
        entry |= ENTRY_PRESENT;
    if (rights == PVN_READ_WRITE)
        entry |= ENTRY_WRITABLE;
    return entry;
}

/* Fills the table of a large page with what the page is now, and [begin, end) with its new rights.
 */
static uint64_t split_large(const struct tables *tables, uint64_t large, uint64_t begin,
                            uint64_t end, enum pvn_rights rights)
{
    uint64_t table = table_of(tables->layout, begin), base = begin / TABLE_SPAN * TABLE_SPAN;

    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t at = base + i * PVN_PAGE_SIZE;
        uint64_t entry = at | (large & ~(ENTRY_ADDRESS | ENTRY_LARGE));
        *entry_at(tables, table, i) = at >= begin && at < end ? with_rights(entry, rights) : entry;
    }
    return table | ENTRY_LINK;
}

int tables_protect(const struct tables *tables, uint64_t *at, uint64_t end, enum pvn_rights rights)
{
    const struct layout *layout = tables->layout;
    uint64_t *list = entry_at(tables, layout->system, SYSTEM_LIST / 8);
    unsigned count = 0;

    while (*at < end && count < SYSTEM_LIST_MAX) {
        uint64_t directory = *directory_entry(tables, *at), entry, changed, next, where;
        bool large = directory & ENTRY_LARGE || !(directory & ENTRY_PRESENT);
        if (large) {
            next = (*at / TABLE_SPAN + 1) * TABLE_SPAN;
            where = layout->directories + *at / TABLE_SPAN * 8;
            entry = directory;
        } else {
            next = *at + PVN_PAGE_SIZE;
            where = table_of(layout, *at) + page_index(*at) * 8;
            entry = *entry_at(tables, table_of(layout, *at), page_index(*at));
        }
        if (!(entry & ENTRY_RAM))
            return entry & ENTRY_PRESENT ? -EPERM : -EINVAL;
        changed = with_rights(entry, rights);
        if (changed != entry) {
            if (large && (*at % TABLE_SPAN || next > end))
                changed = split_large(tables, entry, *at, next < end ? next : end, rights);
            list[2 + 2 * count] = where;
            list[3 + 2 * count] = changed;
            count++;
        }
        *at = next < end ? next : end;
    }
    list[0] = count;
    list[1] = *at < end;
    return (int)count;
}

struct page_rights tables_lookup(const struct tables *tables, uint64_t address)
{
    const struct layout *layout = tables->layout;

    if (address >= layout->area_end)
        return (struct page_rights){0};
    uint64_t entry = *directory_entry(tables, address);
    if ((entry & ENTRY_PRESENT) && !(entry & ENTRY_LARGE)) {
        const uint64_t *table = entry_at(tables, entry & ENTRY_ADDRESS, 0);
        entry = table[page_index(address)];
    }
    bool present = entry & ENTRY_PRESENT;
    return (struct page_rights){.present = present,
                                .writable = present && (entry & ENTRY_WRITABLE),
                                .executable = present && !(entry & ENTRY_NX),
                                .user = present && (entry & ENTRY_USER)};
}
