/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/tables.c monitor/layout.c monitor/stubs.S */
/*
 * The guest's page tables, read back by a small MMU of the test's own, which knows nothing of how
 * they were made; and PROTECT, with the page-table writer played by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/kvm.h>

#include "layout.h"
#include "pvabi/native.h"
#include "stubs.h"
#include "tables.h"

#define PAGE 4096ull
#define MIB (1ull << 20)

enum { NONE = 0, R = 1, W = 2, X = 4, USER = 8, RAM = R | W | USER };

static struct layout layout;
static struct guest_memory memory;
static const struct tables tables = {&memory, &layout};

static const uint64_t *table_at(uint64_t address)
{
    assert_true(address >= memory.base && address < memory.base + memory.all_bytes);
    return (const uint64_t *)(const void *)(memory.host + (address - memory.base));
}

/* What the CPU allows at an address; it must be mapped to itself. */
static unsigned mmu(uint64_t address)
{
    uint64_t table = layout.area;
    unsigned rights = R | W | X | USER;

    for (int shift = 39;; shift -= 9) {
        uint64_t entry = table_at(table)[address >> shift & 511];
        if (!(entry & 1))
            return NONE;
        if (!(entry & 2))
            rights &= ~(unsigned)W;
        if (!(entry & 4))
            rights &= ~(unsigned)USER;
        if (entry >> 63)
            rights &= ~(unsigned)X;
        table = entry & 0x000ffffffffff000ull;
        if (shift == 12 || entry & 0x80) {
            uint64_t span = 1ull << shift;
            assert_int_equal(table, address & ~(span - 1));
            assert_true(shift <= 21);                   /* 1 GiB pages do not work everywhere */
            assert_true(shift > 12 || !(entry & 0x80)); /* no memory type of its own */
            return rights;
        }
    }
}

static void build(uint64_t ram_bytes, uint64_t image_bytes)
{
    struct layout_needs needs = {.ram_bytes = ram_bytes,
                                 .record_bytes = 5000,
                                 .control_bytes = 64,
                                 .config_bytes = 128,
                                 .rings_bytes = 20000};
    free(memory.host);
    memory = (struct guest_memory){.base = PVN_RAM_BASE, .ram_bytes = ram_bytes};
    layout_compute(&layout, &needs);
    memory.all_bytes = layout.area_end - PVN_RAM_BASE;
    memory.host = calloc(1, memory.all_bytes);
    assert_non_null(memory.host);
    /* Text, a gap, data. */
    tables_map_image(&tables, PVN_RAM_BASE, PVN_RAM_BASE + 2 * PAGE, false, true);
    tables_map_image(&tables, PVN_RAM_BASE + 2 * PAGE, PVN_RAM_BASE + 3 * PAGE, false, false);
    tables_map_image(&tables, PVN_RAM_BASE + 4 * PAGE, PVN_RAM_BASE + image_bytes, true, false);
    tables_build(&tables, PVN_RAM_BASE + image_bytes);
}

static void check_range(uint64_t begin, uint64_t end, unsigned rights)
{
    for (uint64_t at = begin; at < end; at += PAGE)
        if (mmu(at) != rights)
            fail_msg("at 0x%llx: %u instead of %u", (unsigned long long)at, mmu(at), rights);
}

static void check_map(uint64_t ram_bytes, uint64_t image_bytes)
{
    uint64_t ram_end = PVN_RAM_BASE + ram_bytes;

    build(ram_bytes, image_bytes);
    check_range(0, PVN_RAM_BASE, NONE);
    check_range(PVN_RAM_BASE, PVN_RAM_BASE + 2 * PAGE, R | X | USER);
    check_range(PVN_RAM_BASE + 2 * PAGE, PVN_RAM_BASE + 3 * PAGE, R | USER);
    check_range(PVN_RAM_BASE + 3 * PAGE, PVN_RAM_BASE + 4 * PAGE, NONE);
    check_range(PVN_RAM_BASE + 4 * PAGE, ram_end, RAM);
    check_range(ram_end, layout.area, NONE);
    assert_true(layout.area > ram_end);
    /* What ring 3 reaches of the area. */
    for (uint64_t at = layout.area; at < layout.area_end; at += PAGE) {
        unsigned rights = mmu(at);
        if ((at >= layout.record && at < layout.clock + PAGE) ||
            (at >= layout.config && at < layout.rings))
            assert_int_equal(rights, R | USER);
        else if ((at >= layout.seed && at < layout.config) ||
                 (at >= layout.rings && at < layout.split))
            assert_int_equal(rights, R | W | USER);
        else
            assert_int_equal(rights & USER, 0);
        if (rights & X)
            assert_int_equal(at, layout.stubs);
        if (rights & W)
            assert_int_equal(rights & X, 0);
    }
    check_range(layout.area_end, layout.area_end + 4 * MIB, NONE);
}

static void test_maps(void **state)
{
    (void)state;
    check_map(5 * PAGE, 5 * PAGE);
    check_map(MIB, 8 * PAGE);
    check_map(MIB + PAGE, 8 * PAGE);
    check_map(3 * MIB, 8 * PAGE);
    check_map(32 * MIB, 5 * MIB + 3 * PAGE); /* an image over several tables */
    check_map(1100 * MIB, 8 * PAGE);         /* and RAM over two directories */
}

/* All that the area holds fits into it, whatever the size of RAM and of the rest. */
static void test_the_area_holds_it_all(void **state)
{
    (void)state;
    for (uint64_t ram_bytes = PAGE; ram_bytes <= LAYOUT_RAM_MAX; ram_bytes += 5 * MIB + PAGE) {
        struct layout_needs needs = {.ram_bytes = ram_bytes,
                                     .record_bytes = ram_bytes % (3 * MIB),
                                     .control_bytes = 500,
                                     .config_bytes = 2000,
                                     .rings_bytes = ram_bytes % (MIB + 77)};
        layout_compute(&layout, &needs);
        assert_true(layout.split_end <= layout.area_end);
        assert_true(layout.ram_end < layout.area);
    }
    struct layout_needs most = {.ram_bytes = LAYOUT_RAM_MAX};
    layout_compute(&layout, &most);
    assert_true(layout.split_end <= layout.area_end);
}

/* Runs a PROTECT to its end as the monitor and the writer do together. */
static int protect(uint64_t begin, uint64_t end, enum pvn_rights rights)
{
    uint64_t at = begin;
    for (;;) {
        int count = tables_protect(&tables, &at, end, rights);
        if (count < 0)
            return count;
        const uint64_t *list = table_at(layout.system + SYSTEM_LIST);
        assert_int_equal(list[0], count);
        assert_true(count <= SYSTEM_LIST_MAX);
        assert_int_equal(list[1], at < end);
        for (int i = 0; i < count; i++) {
            uint64_t where = list[2 + 2 * i];
            /* The writer runs with paging on: it reaches only what is mapped for ring 0. */
            assert_int_equal(mmu(where), R | W);
            memcpy(memory.host + (where - memory.base), &list[3 + 2 * i], 8);
        }
        if (at >= end)
            return 0;
        assert_true(count > 0);
    }
}

static void test_protect_small_pages(void **state)
{
    uint64_t page = PVN_RAM_BASE + 20 * PAGE;

    (void)state;
    build(32 * MIB, 8 * PAGE);
    assert_int_equal(protect(page, page + PAGE, PVN_NONE), 0);
    check_range(page - PAGE, page, RAM);
    check_range(page, page + PAGE, NONE);
    check_range(page + PAGE, page + 2 * PAGE, RAM);
    assert_int_equal(protect(page, page + PAGE, PVN_READ), 0);
    check_range(page, page + PAGE, R | USER);
    assert_int_equal(protect(page - PAGE, page + 2 * PAGE, PVN_READ_WRITE), 0);
    check_range(page - PAGE, page + 2 * PAGE, RAM);
    /* The image's own data may be closed, too. */
    assert_int_equal(protect(PVN_RAM_BASE + 4 * PAGE, PVN_RAM_BASE + 6 * PAGE, PVN_READ), 0);
    check_range(PVN_RAM_BASE + 4 * PAGE, PVN_RAM_BASE + 6 * PAGE, R | USER);
}

static void test_protect_splits_large_pages(void **state)
{
    uint64_t page = 8 * MIB + 7 * PAGE;

    (void)state;
    build(32 * MIB, 8 * PAGE);
    assert_int_equal(protect(page, page + PAGE, PVN_NONE), 0);
    check_range(PVN_RAM_BASE + 4 * PAGE, page, RAM);
    check_range(page, page + PAGE, NONE);
    check_range(page + PAGE, PVN_RAM_BASE + 32 * MIB, RAM);
    assert_int_equal(protect(page, page + PAGE, PVN_READ_WRITE), 0);
    check_range(PVN_RAM_BASE + 4 * PAGE, PVN_RAM_BASE + 32 * MIB, RAM);
    assert_int_equal(protect(14 * MIB, 14 * MIB + PAGE, PVN_READ), 0);
    check_range(14 * MIB, 14 * MIB + PAGE, R | USER);
    check_range(14 * MIB + PAGE, 16 * MIB, RAM);
    /* A large page that was closed as a whole, then opened in part. */
    assert_int_equal(protect(10 * MIB, 12 * MIB, PVN_NONE), 0);
    check_range(10 * MIB, 12 * MIB, NONE);
    assert_int_equal(protect(11 * MIB, 11 * MIB + PAGE, PVN_READ), 0);
    check_range(10 * MIB, 11 * MIB, NONE);
    check_range(11 * MIB, 11 * MIB + PAGE, R | USER);
    check_range(11 * MIB + PAGE, 12 * MIB, NONE);
}

/* Each page of a large page may be the first one to get rights of its own, the last one too. */
static void test_protect_splits_at_any_page(void **state)
{
    (void)state;
    for (uint64_t page = 8 * MIB; page < 10 * MIB; page += PAGE) {
        build(12 * MIB, 8 * PAGE);
        assert_int_equal(protect(page, page + PAGE, PVN_NONE), 0);
        check_range(8 * MIB, page, RAM);
        check_range(page, page + PAGE, NONE);
        check_range(page + PAGE, 11 * MIB, RAM);
    }
}

/* More entries than one list holds, large and small pages mixed, to the very end of RAM. */
static void test_protect_long_ranges(void **state)
{
    uint64_t begin = PVN_RAM_BASE + 9 * PAGE, end = PVN_RAM_BASE + 32 * MIB;

    (void)state;
    build(32 * MIB, 8 * PAGE);
    assert_int_equal(protect(begin, end, PVN_READ), 0);
    check_range(begin - PAGE, begin, RAM);
    check_range(begin, end, R | USER);
    check_range(end, end + 4 * PAGE, NONE);
    assert_int_equal(protect(begin + PAGE, end - PAGE, PVN_READ_WRITE), 0);
    check_range(begin, begin + PAGE, R | USER);
    check_range(begin + PAGE, end - PAGE, RAM);
    check_range(end - PAGE, end, R | USER);
}

static void test_protect_refuses(void **state)
{
    (void)state;
    build(32 * MIB, 8 * PAGE);
    for (int rights = PVN_NONE; rights <= PVN_READ_WRITE; rights++) {
        enum pvn_rights r = (enum pvn_rights)rights;
        assert_int_equal(protect(PVN_RAM_BASE, PVN_RAM_BASE + PAGE, r), -EPERM);
        assert_int_equal(protect(PVN_RAM_BASE + 2 * PAGE, PVN_RAM_BASE + 3 * PAGE, r), -EPERM);
        assert_int_equal(protect(PVN_RAM_BASE + 3 * PAGE, PVN_RAM_BASE + 4 * PAGE, r), -EINVAL);
        assert_int_equal(protect(layout.ram_end, layout.ram_end + PAGE, r), -EINVAL);
    }
    check_range(PVN_RAM_BASE, PVN_RAM_BASE + 2 * PAGE, R | X | USER);
}

static void test_lookup_agrees(void **state)
{
    (void)state;
    build(32 * MIB, 8 * PAGE);
    assert_int_equal(protect(9 * MIB, 9 * MIB + 3 * PAGE, PVN_NONE), 0);
    assert_int_equal(protect(12 * MIB, 14 * MIB, PVN_READ), 0);
    for (uint64_t at = 0; at < layout.area_end + 4 * MIB; at += PAGE) {
        struct page_rights rights = tables_lookup(&tables, at + 123);
        unsigned said = (rights.present ? R : 0u) | (rights.writable ? W : 0u) |
                        (rights.executable ? X : 0u) | (rights.user ? USER : 0u);
        assert_int_equal(said, mmu(at));
    }
    assert_false(tables_lookup(&tables, UINT64_MAX).present);
    assert_false(tables_lookup(&tables, 1ull << 47).present);
}

/* Ring 3 may use the two ports, with 32-bit accesses, and no other. */
static void test_ports(void **state)
{
    struct kvm_sregs registers = {0};

    (void)state;
    build(MIB, 8 * PAGE);
    tables_set_registers(&tables, &registers);
    const uint8_t *tss = (const uint8_t *)table_at(registers.tr.base & ~(PAGE - 1)) +
                         registers.tr.base % PAGE;
    uint16_t bitmap;
    memcpy(&bitmap, tss + 102, sizeof bitmap);
    for (unsigned port = 0; port < 65536; port++) {
        bool open = false;
        unsigned byte = bitmap + port / 8;
        if (byte + 1 <= registers.tr.limit) /* the CPU reads two bytes */
            open = !((tss[byte] | tss[byte + 1] << 8) >> port % 8 & 0xf);
        assert_int_equal(open, port == PORT_HYPERCALL || port == PORT_DOORBELL ||
                                   (port > PORT_HYPERCALL && port < PORT_DOORBELL));
    }
    assert_int_equal(registers.cs.dpl, 3);
    assert_int_equal(registers.cs.selector & 3, 3);
    assert_int_equal(registers.cr3, layout.area);
}

static int teardown(void **state)
{
    (void)state;
    free(memory.host);
    memory.host = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_the_area_holds_it_all),
        cmocka_unit_test(test_protect_small_pages),
        cmocka_unit_test(test_protect_splits_large_pages),
        cmocka_unit_test(test_protect_splits_at_any_page),
        cmocka_unit_test(test_protect_long_ranges),
        cmocka_unit_test(test_protect_refuses),
        cmocka_unit_test(test_lookup_agrees),
        cmocka_unit_test(test_ports),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
