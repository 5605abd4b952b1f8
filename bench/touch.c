/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCG plugin that tells what a start touches:
 *     qemu-system-x86_64 -plugin build/bench/touch.so,begin=0x..,end=0x..,to=FILE ...
 * From the first execution of `begin` to the first one of `end` it notes which pages (of guest-virtual
 * addresses, which a guest with identical mappings has as physical ones) instructions are fetched
 * from, read and written, and counts what a VM on hardware leaves the guest for: port and memory I/O, CPUID,
 * MSRs, HLT, and hypercalls. FILE then holds lines "WHAT COUNT". With low=0x..,high=0x.. only
 * instructions from `low` on and below `high` are looked at. For machines with one CPU; bench/boot.py
 * and bench/xen.py read it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define PAGE_SHIFT 12
#define BUCKETS 4096u

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_VERSION;
PLUGIN_EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

enum what { NOTHING, PORTS, MMIO, CPUID, MSRS, HALTS, HYPERCALLS, WHATS };

static const char *const names[WHATS] = {"pages", "ports", "mmio",      "cpuid",
                                         "msrs",  "halts", "hypercalls"};

struct page {
    struct page *next;
    uint64_t number;
};

static struct page *pages[BUCKETS];
static uint64_t counts[WHATS]; /* of NOTHING: pages */
static uint64_t begin_address, end_address, low_address, high_address = UINT64_MAX;
static const char *target;
static enum { BEFORE, BETWEEN, AFTER } phase;

static void touch(uint64_t address)
{
    uint64_t number = address >> PAGE_SHIFT;
    struct page **bucket = &pages[number % BUCKETS];

    for (struct page *page = *bucket; page; page = page->next)
        if (page->number == number)
            return;
    struct page *page = malloc(sizeof *page);
    if (!page)
        abort();
    *page = (struct page){*bucket, number};
    *bucket = page;
    counts[NOTHING]++;
}

static void write_counts(void)
{
    FILE *file = fopen(target, "we");
    bool failed = !file;

    for (unsigned what = 0; what < WHATS && file; what++)
        fprintf(file, "%s %" PRIu64 "\n", names[what], counts[what]);
    failed = failed || ferror(file);
    if (file && fclose(file))
        failed = true;
    if (failed) {
        perror(target);
        exit(1);
    }
}

/* What the instruction leaves a VM for, by its bytes behind the prefixes. */
static enum what kind_of(const unsigned char *bytes, size_t size)
{
    size_t at = 0;

    while (at + 1 < size && (bytes[at] == 0x66 || bytes[at] == 0x67 || bytes[at] == 0xf2 ||
                             bytes[at] == 0xf3 || (bytes[at] & 0xf0) == 0x40))
        at++;
    unsigned first = bytes[at], second = at + 1 < size ? bytes[at + 1] : 0;
    unsigned third = at + 2 < size ? bytes[at + 2] : 0;
    if ((first & 0xfc) == 0x6c || (first & 0xf4) == 0xe4) /* ins, outs; in, out */
        return PORTS;
    if (first == 0xf4)
        return HALTS;
    if (first != 0x0f)
        return NOTHING;
    if (second == 0xa2)
        return CPUID;
    if (second == 0x30 || second == 0x32)
        return MSRS;
    return second == 0x05 || (second == 0x01 && (third == 0xc1 || third == 0xd9)) ? HYPERCALLS
                                                                                  : NOTHING;
}

struct place {
    uint64_t address;
    enum what what;
};

static void execute(unsigned cpu, void *data)
{
    const struct place *place = data;

    (void)cpu;
    if (phase == BEFORE && place->address == begin_address)
        phase = BETWEEN;
    if (phase != BETWEEN)
        return;
    if (place->address == end_address) {
        phase = AFTER;
        write_counts();
        return;
    }
    touch(place->address);
    if (place->what != NOTHING)
        counts[place->what]++;
}

static void access_memory(unsigned cpu, uint32_t access, uint64_t address, void *data)
{
    (void)cpu;
    (void)data;
    if (phase != BETWEEN)
        return;
    const struct qemu_plugin_hwaddr *place = qemu_plugin_get_hwaddr(access, address);
    if (place && qemu_plugin_hwaddr_is_io(place)) {
        counts[MMIO]++;
        return;
    }
    touch(address);
    touch(address + (1u << qemu_plugin_mem_size_shift(access)) - 1);
}

static void translate(uint64_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);

        if (phase == AFTER ||
            ((address < low_address || address >= high_address) && address != end_address))
            continue;
        /* Kept for as long as the block: for ever. */
        struct place *place = malloc(sizeof *place);
        if (!place)
            abort();
        *place = (struct place){address,
                                kind_of(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn))};
        qemu_plugin_register_vcpu_insn_exec_cb(insn, execute, QEMU_PLUGIN_CB_NO_REGS, place);
        qemu_plugin_register_vcpu_mem_cb(insn, access_memory, QEMU_PLUGIN_CB_NO_REGS,
                                         QEMU_PLUGIN_MEM_RW, NULL);
    }
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "begin=", 6))
            begin_address = strtoull(argv[i] + 6, NULL, 0);
        else if (!strncmp(argv[i], "end=", 4))
            end_address = strtoull(argv[i] + 4, NULL, 0);
        else if (!strncmp(argv[i], "low=", 4))
            low_address = strtoull(argv[i] + 4, NULL, 0);
        else if (!strncmp(argv[i], "high=", 5))
            high_address = strtoull(argv[i] + 5, NULL, 0);
        else if (!strncmp(argv[i], "to=", 3))
            target = strdup(argv[i] + 3);
    }
    if (!begin_address || !end_address || !target) {
        fprintf(stderr, "touch: begin=ADDRESS, end=ADDRESS and to=FILE are needed\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
