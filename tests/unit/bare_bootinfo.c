/* SPDX-License-Identifier: BSD-2-Clause */
/* What PVH, Linux's zero page and multiboot 2 hand over, sound and damaged. */
/* sources: pvabi/bare/bootinfo.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pvabi/bare/bootinfo.h"
#include "tests/unit/support/bare_memory.h"

#define AT(offset) (MEMORY_BASE + (offset))

static uint8_t room[16384];
static struct bare_info info;

static void put16(size_t at, uint16_t value)
{
    memcpy(room + at, &value, sizeof(value));
}

static void put32(size_t at, uint32_t value)
{
    memcpy(room + at, &value, sizeof(value));
}

static void put64(size_t at, uint64_t value)
{
    memcpy(room + at, &value, sizeof(value));
}

static int set_up(void **state)
{
    (void)state;
    memset(room, 0, sizeof(room));
    memset(&info, 0x55, sizeof(info));
    memory.bytes = room;
    memory.size = sizeof(room);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    memory_forget();
    return 0;
}

static void expect_ram(unsigned i, uint64_t begin, uint64_t end)
{
    assert_true(i < info.ram_count);
    assert_int_equal(info.ram[i].begin, begin);
    assert_int_equal(info.ram[i].end, end);
}

/* ---- PVH ----------------------------------------------------------------------------------- */

static void pvh_range(unsigned i, uint64_t address, uint64_t bytes, uint32_t type)
{
    put64(256 + 24 * i, address);
    put64(256 + 24 * i + 8, bytes);
    put32(256 + 24 * i + 16, type);
}

static void pvh_set(unsigned ranges)
{
    put32(0, 0x336ec578);
    put32(4, 1);
    put64(24, AT(4096));
    put64(32, 0xe0000);
    put64(40, AT(256));
    put32(48, ranges);
    strcpy((char *)room + 4096, "env.A=b -- x");
}

static void test_pvh(void **state)
{
    (void)state;
    pvh_set(3);
    pvh_range(0, 0, 0x9fc00, 1);
    pvh_range(1, 0xf0000, 0x10000, 2);
    pvh_range(2, 0x100000, 0x3f00000, 1);
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    assert_int_equal(info.ram_count, 2);
    expect_ram(0, 0, 0x9f000); /* whole pages */
    expect_ram(1, 0x100000, 0x4000000);
    assert_int_equal(info.rsdp, 0xe0000);
    assert_true(info.rsdp_is_final);
    assert_int_equal(info.cmdline_bytes, 12);
    assert_memory_equal(info.cmdline, "env.A=b -- x", 12);
    assert_false(info.cmdline_truncated);
    assert_false(info.ranges_dropped);
}

static void test_ranges(void **state)
{
    (void)state;
    pvh_set(8);
    pvh_range(0, 0x500000, 0x100000, 1); /* not in order, */
    pvh_range(1, 0x100000, 0x200000, 1);
    pvh_range(2, 0x2ff000, 0x101000, 1);         /* overlapping, */
    pvh_range(3, 0x600000, 0x100000, 1);         /* adjacent, */
    pvh_range(4, 0x180001, 0x10, 2);             /* with a hole, */
    pvh_range(5, UINT64_MAX - 0xfff, 0x2000, 1); /* beyond the end, */
    pvh_range(6, 0x800000, 0, 1);                /* empty, */
    pvh_range(7, 0x6ff000, 0x800000, 3);         /* partly reserved */
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    assert_int_equal(info.ram_count, 3);
    expect_ram(0, 0x100000, 0x180000);
    expect_ram(1, 0x181000, 0x400000);
    expect_ram(2, 0x500000, 0x6ff000);
}

static void test_too_many_ranges(void **state)
{
    (void)state;
    pvh_set(100);
    for (unsigned i = 0; i < 100; i++)
        pvh_range(i, 0x100000 + i * 0x2000ull, 0x1000, 1);
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    assert_int_equal(info.ram_count, BARE_RANGES_MAX);
    assert_true(info.ranges_dropped);
}

static void test_pvh_damaged(void **state)
{
    (void)state;
    assert_non_null(bare_info_pvh(memory_read, 0, &info));
    assert_non_null(bare_info_pvh(memory_read, UINT64_MAX, &info));
    assert_non_null(bare_info_pvh(memory_read, AT(sizeof(room) - 8), &info));
    assert_non_null(bare_info_pvh(memory_read, AT(0), &info)); /* no magic */
    pvh_set(1);
    put32(4, 0); /* version 0 has no map */
    assert_non_null(bare_info_pvh(memory_read, AT(0), &info));
    pvh_set(0);
    assert_non_null(bare_info_pvh(memory_read, AT(0), &info));
    pvh_set(UINT32_MAX);
    assert_non_null(bare_info_pvh(memory_read, AT(0), &info));
    pvh_set(1);
    put64(40, AT(sizeof(room) - 8));
    assert_non_null(bare_info_pvh(memory_read, AT(0), &info));
}

static void test_cmdline_cut(void **state)
{
    (void)state;
    pvh_set(1);
    pvh_range(0, 0x100000, 0x100000, 1);
    memset(room + 4096, 'x', 8192);
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    assert_true(info.cmdline_truncated);
    assert_int_equal(info.cmdline_bytes, BARE_CMDLINE_MAX);
    memory_forget();
    memset(room + sizeof(room) - 4, 'y', 4); /* runs out of reach */
    put64(24, AT(sizeof(room) - 4));
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    assert_true(info.cmdline_truncated);
    assert_int_equal(info.cmdline_bytes, 4);
    put64(24, 0);
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    assert_false(info.cmdline_truncated);
    assert_int_equal(info.cmdline_bytes, 0);
}

/* ---- Linux's 64-bit protocol --------------------------------------------------------------- */

static void zero_page_set(void)
{
    put16(0x1fe, 0xaa55);
    put32(0x202, 0x53726448);
    put64(0x70, 0xf0000);
    put32(0x228, AT(4096));
    put32(0x238, 255);
    room[0x1e8] = 2;
    put64(0x2d0, 0);
    put64(0x2d8, 0x9f000);
    put32(0x2e0, 1);
    put64(0x2e4, 0x100000);
    put64(0x2ec, 0x7f00000);
    put32(0x2f4, 1);
    strcpy((char *)room + 4096, "console=ttyS0 -- arg");
}

static void test_zero_page(void **state)
{
    (void)state;
    zero_page_set();
    assert_null(bare_info_linux64(memory_read, AT(0), &info));
    assert_int_equal(info.ram_count, 2);
    expect_ram(1, 0x100000, 0x8000000);
    assert_int_equal(info.rsdp, 0xf0000);
    assert_false(info.rsdp_is_final);
    assert_int_equal(info.cmdline_bytes, 20);
    assert_false(info.cmdline_truncated);
    put32(0x238, 7);
    assert_null(bare_info_linux64(memory_read, AT(0), &info));
    assert_true(info.cmdline_truncated);
    put32(0xc8, 1); /* above 4 GiB: out of reach */
    assert_null(bare_info_linux64(memory_read, AT(0), &info));
    assert_int_equal(info.cmdline_bytes, 0);
}

static void test_zero_page_damaged(void **state)
{
    (void)state;
    assert_non_null(bare_info_linux64(memory_read, AT(0), &info));
    zero_page_set();
    assert_non_null(bare_info_linux64(memory_read, AT(sizeof(room) - 4095), &info));
    room[0x1e8] = 0;
    assert_non_null(bare_info_linux64(memory_read, AT(0), &info));
    room[0x1e8] = 129;
    assert_non_null(bare_info_linux64(memory_read, AT(0), &info));
    room[0x1e8] = 128;
    assert_null(bare_info_linux64(memory_read, AT(0), &info));
    put32(0x202, 0);
    assert_non_null(bare_info_linux64(memory_read, AT(0), &info));
}

/* ---- multiboot 2 --------------------------------------------------------------------------- */

static size_t tag(size_t at, uint32_t type, const void *data, uint32_t bytes)
{
    put32(at, type);
    put32(at + 4, bytes + 8);
    memcpy(room + at + 8, data, bytes);
    at += (8 + bytes + 7u) & ~7u;
    put32(0, (uint32_t)at + 8); /* with the end tag, whose type is 0 */
    put32(at, 0);
    put32(at + 4, 8);
    return at;
}

static size_t map_tag(size_t at)
{
    struct {
        uint32_t stride, version;
        struct {
            uint64_t address, bytes;
            uint32_t type, reserved;
        } ranges[2];
    } map = {24, 0, {{0, 0x9fc00, 1, 0}, {0x100000, 0x700000, 1, 0}}};

    return tag(at, 6, &map, sizeof(map));
}

static void test_multiboot2(void **state)
{
    size_t at;

    (void)state;
    at = tag(8, 1, "a \"b c\"", 8);
    at = tag(at, 14, "RSD PTR old....", 16);
    at = tag(at, 99, "what is this", 12);
    tag(map_tag(at), 15, "RSD PTR new", 12);
    assert_null(bare_info_multiboot2(memory_read, AT(0), &info));
    assert_int_equal(info.cmdline_bytes, 7);
    assert_false(info.cmdline_truncated);
    assert_int_equal(info.ram_count, 2);
    expect_ram(1, 0x100000, 0x800000);
    assert_memory_equal(memory_read(info.rsdp, 11), "RSD PTR new", 11);
}

static void test_multiboot2_damaged(void **state)
{
    size_t at;

    (void)state;
    assert_non_null(bare_info_multiboot2(memory_read, 0, &info));
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info)); /* total 0 */
    tag(8, 1, "no map", 7);
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info));
    at = map_tag(8);
    assert_null(bare_info_multiboot2(memory_read, AT(0), &info));
    put32(12, 7); /* shorter than its header */
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info));
    put32(12, UINT32_MAX);
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info));
    map_tag(8);
    put32(16, 0); /* the entries' stride */
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info));
    put32(16, 23);
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info));
    put32(16, UINT32_MAX);
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info));
    map_tag(8);
    put32(0, 1u << 19); /* says more than is there: tags of type 0 end it */
    put32(at, 77);
    put32(at + 4, 1u << 18);
    assert_non_null(bare_info_multiboot2(memory_read, AT(0), &info));
    /* A command line without its end. */
    map_tag(tag(8, 1, "abcd", 4));
    assert_null(bare_info_multiboot2(memory_read, AT(0), &info));
    assert_true(info.cmdline_truncated);
    assert_int_equal(info.cmdline_bytes, 4);
}

/* ---- modules ------------------------------------------------------------------------------- */

#define IMAGE 0x100000u
#define IMAGE_END 0x140000u

static void pvh_module(unsigned i, uint64_t address, uint64_t bytes)
{
    put64(8192 + 32 * i, address);
    put64(8192 + 32 * i + 8, bytes);
}

static void settle(unsigned count)
{
    pvh_set(2);
    pvh_range(0, 0x100000, 0x700000, 1);
    pvh_range(1, 0x1000000, 0x1000000, 1);
    put32(12, count);
    put64(16, AT(8192));
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    bare_info_settle_modules(&info, IMAGE, IMAGE_END);
}

static void expect_refused(unsigned count, unsigned kept, const char *why)
{
    settle(count);
    assert_int_equal(info.module_count, kept);
    assert_non_null(info.module_wrong);
    assert_non_null(strstr(info.module_wrong, why));
}

/* Their pages are no RAM, also those that they fill in part. */
static void test_modules(void **state)
{
    (void)state;
    pvh_module(0, 0x200800, 0x1000);
    pvh_module(1, 0, 0); /* an empty one is none */
    pvh_module(2, 0x1fff000, 0x1000);
    settle(3);
    assert_null(info.module_wrong);
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.modules[0].begin, 0x200800);
    assert_int_equal(info.modules[0].end, 0x201800);
    assert_int_equal(info.ram_count, 3);
    expect_ram(0, 0x100000, 0x200000);
    expect_ram(1, 0x202000, 0x800000);
    expect_ram(2, 0x1000000, 0x1fff000);
}

static void test_modules_refused(void **state)
{
    static const struct bare_range wild[] = {{0, 4096},         {0x7ff000, 0x2000},
                                             {0x900000, 4096},  {UINT64_MAX - 100, 101},
                                             {0x50000000, 512}, {0x1000000, 1ull << 62}};

    (void)state;
    for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        pvh_module(0, wild[i].begin, wild[i].end);
        pvh_module(1, 0x300000, 100);
        expect_refused(2, 1, "RAM");
        assert_int_equal(info.modules[0].begin, 0x300000);
        expect_ram(0, 0x100000, 0x300000);
    }
    pvh_module(0, IMAGE_END - 1, 1000);
    expect_refused(1, 0, "image");
    assert_int_equal(info.ram_count, 2);
    pvh_module(0, 0x300000, 0x2000);
    pvh_module(1, 0x301fff, 1);
    expect_refused(2, 1, "overlaps");
    for (unsigned i = 0; i < BARE_MODULES_MAX + 1; i++)
        pvh_module(i, 0x300000 + 0x2000 * i, 4096);
    expect_refused(BARE_MODULES_MAX + 1, BARE_MODULES_MAX, "too many");
    put64(16, AT(sizeof(room) - 8));
    pvh_set(1);
    pvh_range(0, 0x100000, 0x700000, 1);
    put32(12, UINT32_MAX);
    assert_null(bare_info_pvh(memory_read, AT(0), &info));
    assert_int_equal(info.module_count, 0);
    assert_non_null(strstr(info.module_wrong, "list"));
}

static void test_modules_of_others(void **state)
{
    (void)state;
    zero_page_set();
    put32(0x218, 0x200000);
    put32(0x21c, 77);
    put32(0xc0, 1); /* above 4 GiB */
    assert_null(bare_info_linux64(memory_read, AT(0), &info));
    assert_int_equal(info.module_count, 1);
    assert_int_equal(info.modules[0].begin, 0x100200000);
    assert_int_equal(info.modules[0].end, 0x100200000 + 77);
    put32(0x2ec, 0xfff00000u); /* until 4 GiB: there is no RAM */
    bare_info_settle_modules(&info, IMAGE, IMAGE_END);
    assert_int_equal(info.module_count, 0);
}

static void test_modules_of_multiboot2(void **state)
{
    uint32_t module[3] = {0x200000, 0x201001, 'm'};
    size_t at;

    (void)state;
    at = tag(8, 3, module, sizeof(module)); /* before the memory map is known */
    module[0] = 0x300000;
    module[1] = 0x300001;
    tag(map_tag(at), 3, module, 9);
    assert_null(bare_info_multiboot2(memory_read, AT(0), &info));
    bare_info_settle_modules(&info, IMAGE, IMAGE_END);
    assert_null(info.module_wrong);
    assert_int_equal(info.module_count, 2);
    expect_ram(1, 0x100000, 0x200000);
    expect_ram(2, 0x202000, 0x300000);
    expect_ram(3, 0x301000, 0x800000);
    module[1] = 0x2fffff; /* ends before it begins */
    tag(map_tag(8), 3, module, 9);
    assert_null(bare_info_multiboot2(memory_read, AT(0), &info));
    assert_int_equal(info.module_count, 0);
    assert_non_null(strstr(info.module_wrong, "malformed"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_pvh),
        TEST(test_ranges),
        TEST(test_too_many_ranges),
        TEST(test_pvh_damaged),
        TEST(test_cmdline_cut),
        TEST(test_zero_page),
        TEST(test_multiboot2),
        TEST(test_zero_page_damaged),
        TEST(test_multiboot2_damaged),
        TEST(test_modules),
        TEST(test_modules_refused),
        TEST(test_modules_of_others),
        TEST(test_modules_of_multiboot2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
