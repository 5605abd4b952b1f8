/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a boot protocol's words to the one boot record: memory, modules, command line, page tables, traps,
 * clock, in this order. Runs once, on the boot stack, before there is a canary; called through
 * probe.c.
 */
#include "arch/arch.h"
#include "arch/bootrec.h"
#include "bare.h"
#include "cpu.h"
#include "pvabi/errno.h"
#include "pvabi/stamps.h"

#define EARLY_BYTES (1ull << 30) /* what the entry has mapped, at least */
#define EARLY_BYTES_MULTIBOOT2 (4ull << 30)
#define EARLY_LARGE_SHIFT 21u
#define EARLY_LARGE 0x83u /* present, writable, 2 MiB */
#define XSAVE_X87_SSE_AVX 7ull
#define XCR0_AVX512 0xe0ull

_Static_assert(PV_ENTRY_PVH == 1 && PV_ENTRY_LINUX64 == 2 && PV_ENTRY_MULTIBOOT2 == 3, "enter.S");

extern const char image_begin[], image_end[];
extern uint64_t bare_early_pd[]; /* enter.S: of all four gigabytes */

struct bare_info bare_info;
static uint64_t bare_early_bytes;

/* Before our own page tables: the entry's, or the VMM's, map low memory one to one. */
static EARLY const void *bare_read_early(uint64_t address, uint64_t bytes)
{
    if (address == 0 || address >= bare_early_bytes || bytes > bare_early_bytes - address)
        return NULL;
    return (const void *)address;
}

static EARLY const char *bare_info_take(enum pv_entry entry, uint64_t argument)
{
    bare_early_bytes = entry == PV_ENTRY_MULTIBOOT2 ? EARLY_BYTES_MULTIBOOT2 : EARLY_BYTES;
    if (entry == PV_ENTRY_PVH)
        return bare_info_pvh(bare_read_early, argument, &bare_info);
    if (entry == PV_ENTRY_LINUX64)
        return bare_info_linux64(bare_read_early, argument, &bare_info);
    return bare_info_multiboot2(bare_read_early, argument, &bare_info);
}

static EARLY void bare_modules_take(struct bootrec *record)
{
    bare_info_settle_modules(&bare_info, (uintptr_t)image_begin, (uintptr_t)image_end);
    for (unsigned i = 0; i < bare_info.module_count; i++)
        record->modules[record->module_count++] = (struct bootrec_module){
            bare_info.modules[i].begin, bare_info.modules[i].end};
}
_Static_assert(BARE_MODULES_MAX <= BOOTREC_MODULES_MAX, "modules");

/* RAM above the image in the record, ascending, the image's own range first. */
static EARLY void bare_memory_take(struct bootrec *record)
{
    uintptr_t begin = (uintptr_t)image_begin, end = (uintptr_t)image_end;
    bool holds_image = false;

    for (unsigned i = 0; i < bare_info.ram_count; i++) {
        struct bare_range range = bare_info.ram[i];

        record->ram_bytes += range.end - range.begin;
        if (range.begin <= begin && range.end >= end) {
            holds_image = true;
            range.begin = end;
        } else if (!holds_image) {
            continue; /* below the image: firmware's memory */
        }
        if (range.begin == range.end)
            continue;
        if (record->ram_count < BOOTREC_RANGES_MAX)
            record->ram[record->ram_count++] = (struct bootrec_range){range.begin, range.end};
        else
            bare_info.ranges_dropped = true;
    }
    if (!holds_image || record->ram_count == 0) {
        bare_say("the image takes the memory from 0x");
        bare_say_hex(begin, 1);
        bare_say(" to 0x");
        bare_say_hex(end, 1);
        bare_say("; the memory map has");
        for (unsigned i = 0; i < bare_info.ram_count; i++) {
            bare_say(" 0x");
            bare_say_hex(bare_info.ram[i].begin, 1);
            bare_say("-0x");
            bare_say_hex(bare_info.ram[i].end, 1);
        }
        bare_say("\n");
        bare_crash("too little memory for the image, or none where it lies", NULL);
    }
}

static void bare_thread_pointer_set(void *thread_pointer)
{
    bare_wrmsr(BARE_MSR_FS_BASE, (uintptr_t)thread_pointer);
}

static EARLY void bare_cpu_take(void)
{
    uint64_t cr4 = bare_cr4(), supported, wanted = XSAVE_X87_SSE_AVX;
    uint32_t cpuid[4], features, leaves;
    bool emulated = false;

    bare_cpuid(0, 0, cpuid);
    leaves = cpuid[0];
    bare_cpuid(1, 0, cpuid);
    features = cpuid[2];
    arch_cpu_info.has_rdrand = (features & 1u << 30) != 0;
    if (features & 1u << 31) {
        bare_cpuid(0x40000000u, 0, cpuid);
        emulated = cpuid[1] == 0x54474354u; /* "TCGT...": its XSAVE is not to be trusted */
    }
    if (leaves >= 7) {
        bare_cpuid(7, 0, cpuid);
        arch_cpu_info.has_rdseed = (cpuid[1] & 1u << 18) != 0;
        if (cpuid[1] & 1u)
            cr4 |= BARE_CR4_FSGSBASE;
    }
    if (!(cr4 & BARE_CR4_FSGSBASE))
        arch_cpu_info.thread_pointer_set = bare_thread_pointer_set;
    if (features & 1u << 26 && !emulated && leaves >= 0xd) {
        cr4 |= BARE_CR4_OSXSAVE;
        bare_cr4_set(cr4);
        bare_cpuid(0xd, 0, cpuid);
        supported = cpuid[0] | (uint64_t)cpuid[3] << 32;
        if ((supported & XCR0_AVX512) == XCR0_AVX512)
            wanted |= XCR0_AVX512;
        arch_cpu_info.xcr0 = supported & wanted;
        bare_xsetbv(arch_cpu_info.xcr0);
        bare_cpuid(0xd, 0, cpuid);
        arch_cpu_info.xsave_bytes = cpuid[1];
        return;
    }
    bare_cr4_set(cr4);
}

EARLY bool bare_early_map(uint64_t address)
{
    if (address >= 4ull << 30)
        return false;
    bare_early_pd[address >> EARLY_LARGE_SHIFT] = (address >> EARLY_LARGE_SHIFT
                                                                  << EARLY_LARGE_SHIFT) |
                                                  EARLY_LARGE;
    return true;
}

EARLY void bare_machine_start(enum pv_entry entry, const void *argument, struct bootrec *record)
{
    uint64_t entry_cycles = arch_cycles();
    const char *wrong = bare_info_take(entry, (uintptr_t)argument);

    if (wrong != NULL)
        bare_crash(wrong, NULL);
    pv_cmdline_parse(bare_info.cmdline, bare_info.cmdline_bytes, &pv_cmdline);
    pv_stamps_start(entry_cycles);
    if (bare_info.module_count > 0)
        bare_modules_take(record);
    bare_memory_take(record);
    bare_paging_start(record);
    bare_traps_start();
    bare_cpu_take();
    if (bare_info.cmdline_truncated)
        bare_say("boot: the command line is cut off at 4096 bytes\n");
    if (bare_info.ranges_dropped)
        bare_say("boot: the memory map has more ranges than are kept\n");
    if (bare_info.module_wrong != NULL) {
        bare_say("boot: a module is left out: ");
        bare_say(bare_info.module_wrong);
        bare_say("\n");
    }
    pv_cmdline_hand_over(record);
}

static EARLY int bare_start(enum pv_entry entry, const void *argument, struct bootrec *record)
{
    pv_machine = &bare_machine;
    bare_output_start();
    bare_machine_start(entry, argument, record);
    bare_clock_start();
    pv_upcall = (struct pv_upcall *)(void *)&bare_vcpu;
    bare_output_attach(record);
    return 0;
}

const struct pv_hypervisor bare_hypervisor = {
    .entries = 1u << PV_ENTRY_PVH | 1u << PV_ENTRY_LINUX64 | 1u << PV_ENTRY_MULTIBOOT2,
    .platform = &bare_platform,
    .start = bare_start,
    .devices = bare_devices,
};
