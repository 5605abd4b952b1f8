/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI's tables, sound and damaged. */
/* sources: pvabi/bare/acpi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "pvabi/bare/acpi.h"
#include "tests/unit/support/bare_memory.h"

#define HEADER_BYTES 36u
#define MADT_ENTRIES 44u

static uint8_t room[4096];
static struct bare_acpi acpi;
static struct bare_sleep_types s5_types;
static size_t place_dsdt, place_fadt, place_madt, place_mcfg, place_root;

static void put(size_t at, uint64_t value, unsigned bytes)
{
    memcpy(room + at, &value, bytes);
}

static void sum_set(size_t at, size_t bytes, size_t sum_at)
{
    uint8_t sum = 0;

    room[sum_at] = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + room[at + i]);
    room[sum_at] = (uint8_t)-sum;
}

/* A table's header; its body is in place already. */
static size_t table_set(size_t at, const char *signature, uint32_t bytes)
{
    memcpy(room + at, signature, 4);
    put(at + 4, bytes, 4);
    sum_set(at, bytes, at + 9);
    return at;
}

static void root_set(const char *signature, unsigned entry_bytes)
{
    put(place_root + HEADER_BYTES, MEMORY_BASE + place_fadt, entry_bytes);
    put(place_root + HEADER_BYTES + entry_bytes, MEMORY_BASE + place_madt, entry_bytes);
    put(place_root + HEADER_BYTES + 2 * entry_bytes, MEMORY_BASE + place_mcfg, entry_bytes);
    table_set(place_root, signature, HEADER_BYTES + 3 * entry_bytes);
}

static int set_up(void **state)
{
    static const uint8_t s5[] = {0x14, 0x05, 'a',  'b',  0x08, '_',  'S',  '5', '_',
                                 0x12, 0x06, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00};
    static const uint8_t madt[] = {
        0, 0,  0xe0, 0xfe, 1,  0, 0,    0,                   /* local APIC, flags */
        0, 8,  0,    0,    1,  0, 0,    0,                   /* a CPU */
        1, 12, 0,    0,    0,  0, 0xc0, 0xfe, 0,    0, 0, 0, /* an IO-APIC */
        2, 10, 0,    9,    20, 0, 0,    0,    0x0f, 0,       /* override: level, active low */
        1, 12, 0,    0,    0,  0, 0xc1, 0xfe, 24,   0, 0, 0};

    (void)state;
    memset(room, 0, sizeof(room));
    memset(&acpi, 0, sizeof(acpi));
    memory.bytes = room;
    memory.size = sizeof(room);
    place_dsdt = 64, place_fadt = 256, place_madt = 768, place_mcfg = 1024, place_root = 1280;
    memcpy(room + place_dsdt + HEADER_BYTES, s5, sizeof(s5));
    table_set(place_dsdt, "DSDT", HEADER_BYTES + sizeof(s5));
    put(place_fadt + 40, MEMORY_BASE + place_dsdt, 4);
    put(place_fadt + 64, 0x604, 4);
    put(place_fadt + 112, 1u << 10, 4);
    put(place_fadt + 116, 0x01000801, 4);
    put(place_fadt + 120, 0xcf9, 8);
    put(place_fadt + 128, 0x0f, 1);
    table_set(place_fadt, "FACP", 276);
    memcpy(room + place_madt + HEADER_BYTES, madt, sizeof(madt));
    table_set(place_madt, "APIC", HEADER_BYTES + sizeof(madt));
    put(place_mcfg + 44, 0xb0000000, 8);
    put(place_mcfg + 55, 255, 1);
    table_set(place_mcfg, "MCFG", 60);
    root_set("XSDT", 8);
    memcpy(room, "RSD PTR ", 8);
    room[15] = 2;
    put(20, 36, 4);
    put(24, MEMORY_BASE + place_root, 8);
    sum_set(0, 20, 8);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    memory_forget();
    return 0;
}

static void parse(void)
{
    memset(&acpi, 0, sizeof(acpi));
    bare_acpi_parse(memory_read, MEMORY_BASE, &acpi);
}

static bool has_s5(void)
{
    return bare_acpi_s5(memory_read, &acpi, &s5_types);
}

static void expect_all(void)
{
    assert_true(acpi.found);
    assert_int_equal(acpi.ioapic_count, 2);
    assert_int_equal(acpi.ioapics[0].address, 0xfec00000);
    assert_int_equal(acpi.ioapics[1].address, 0xfec10000);
    assert_int_equal(acpi.ioapics[1].first_line, 24);
    assert_int_equal(acpi.override_count, 1);
    assert_int_equal(acpi.overrides[0].isa, 9);
    assert_int_equal(acpi.overrides[0].line, 20);
    assert_true(acpi.overrides[0].level && acpi.overrides[0].active_low);
    assert_int_equal(acpi.ecam_count, 1);
    assert_int_equal(acpi.ecams[0].address, 0xb0000000);
    assert_int_equal(acpi.ecams[0].bus_last, 255);
    assert_true(has_s5());
    assert_int_equal(s5_types.a, 5);
    assert_int_equal(s5_types.b, 1);
    assert_int_equal(acpi.pm1a.address, 0x604);
    assert_int_equal(acpi.reset.space, 1);
    assert_int_equal(acpi.reset.address, 0xcf9);
    assert_int_equal(acpi.reset_value, 0x0f);
}

static void test_sound(void **state)
{
    (void)state;
    parse();
    expect_all();
    assert_int_equal(bare_acpi_search(memory_read, MEMORY_BASE, MEMORY_BASE + 64), MEMORY_BASE);
    assert_int_equal(bare_acpi_search(memory_read, MEMORY_BASE + 16, MEMORY_BASE + 4096), 0);
}

static void test_old_root(void **state)
{
    (void)state;
    root_set("RSDT", 4);
    put(24, 0, 8);
    put(16, MEMORY_BASE + place_root, 4);
    room[15] = 0;
    sum_set(0, 20, 8);
    parse();
    expect_all();
}

static void test_root_damaged(void **state)
{
    (void)state;
    bare_acpi_parse(memory_read, 0, &acpi);
    assert_false(acpi.found);
    room[8]++; /* the root pointer's sum */
    parse();
    assert_false(acpi.found);
    sum_set(0, 20, 8);
    room[place_root + 9]++;
    parse();
    assert_false(acpi.found);
    put(place_root + 4, UINT32_MAX, 4);
    parse();
    assert_false(acpi.found);
    put(place_root + 4, 35, 4);
    parse();
    assert_false(acpi.found);
    put(24, MEMORY_BASE + sizeof(room) - 8, 8);
    parse();
    assert_false(acpi.found);
}

/* A sum of one at each place of words and of what remains of the last one is seen. */
static void test_every_byte_counts(void **state)
{
    (void)state;
    for (uint32_t bytes = HEADER_BYTES; bytes < HEADER_BYTES + 20; bytes++) {
        uint32_t told = 0;

        memset(room + 2048, 0x80, bytes);
        for (uint32_t at = HEADER_BYTES; at < bytes; at++)
            room[2048 + at] = (uint8_t)(at * 73 + 0x91);
        table_set(2048, "SSDT", bytes);
        assert_non_null(bare_acpi_table(memory_read, MEMORY_BASE + 2048, &told));
        assert_int_equal(told, bytes);
        for (uint32_t at = 8; at < bytes; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                room[2048 + at] ^= (uint8_t)(1u << bit);
                assert_null(bare_acpi_table(memory_read, MEMORY_BASE + 2048, &told));
                room[2048 + at] ^= (uint8_t)(1u << bit);
            }
        }
    }
}

/* One damaged table does not spoil the others. */
static void test_table_damaged(void **state)
{
    (void)state;
    room[place_madt + HEADER_BYTES + 17] = 0; /* the IO-APIC's entry has no length */
    table_set(place_madt, "APIC", HEADER_BYTES + 50);
    room[place_mcfg + 50]++; /* sum */
    parse();
    assert_true(acpi.found && has_s5());
    assert_int_equal(acpi.ioapic_count, 0);
    assert_int_equal(acpi.ecam_count, 0);
    room[place_madt + HEADER_BYTES + 17] = 255;
    table_set(place_madt, "APIC", HEADER_BYTES + 50);
    parse();
    assert_int_equal(acpi.ioapic_count, 0);
}

static void test_s5_damaged(void **state)
{
    (void)state;
    parse();
    room[place_dsdt + 9]++; /* sum */
    assert_false(has_s5());
    table_set(place_dsdt, "DSDT", HEADER_BYTES + 13); /* ends within the package */
    parse();
    assert_false(has_s5());
    put(place_fadt + 40, 0, 4);
    table_set(place_fadt, "FACP", 276);
    parse();
    assert_false(has_s5());
    assert_int_equal(acpi.pm1a.address, 0x604);
    table_set(place_fadt, "FACP", 100);
    parse();
    assert_int_equal(acpi.pm1a.address, 0);
}

static struct bare_aml_line isa_line(unsigned line)
{
    return bare_acpi_line(&acpi, (struct bare_aml_line){.line = line, .is_isa = true});
}

/* Overrides move ISA interrupts and say how they are triggered, unless they leave that to the bus;
 * others are none of their business. */
static void test_overrides(void **state)
{
    struct bare_aml_line line;

    (void)state;
    parse();
    line = isa_line(9);
    assert_int_equal(line.line, 20);
    assert_true(line.level && line.active_low);
    line = isa_line(5);
    assert_int_equal(line.line, 5);
    assert_false(line.level || line.active_low);
    line = bare_acpi_line(&acpi, (struct bare_aml_line){.line = 9});
    assert_int_equal(line.line, 9);
    assert_false(line.level);
    put(place_madt + HEADER_BYTES + 8 + 8 + 12 + 8, 0, 2);
    table_set(place_madt, "APIC", HEADER_BYTES + 50);
    parse();
    line = isa_line(9);
    assert_int_equal(line.line, 20);
    assert_false(line.level || line.active_low);
    line = bare_acpi_line(&acpi, (struct bare_aml_line){.line = 9, .is_isa = true, .level = true});
    assert_true(line.level);
}

/* More of each kind than is kept. */
static void test_too_many_entries(void **state)
{
    size_t at = place_root + HEADER_BYTES + 24;

    (void)state;
    memset(room + 2048, 0, 1024);
    for (unsigned i = 0; i < 40; i++)
        memcpy(room + 2048 + MADT_ENTRIES + 22 * i, room + place_madt + MADT_ENTRIES + 8, 22);
    table_set(2048, "APIC", MADT_ENTRIES + 40 * 22);
    put(place_root + HEADER_BYTES + 8, MEMORY_BASE + 2048, 8);
    table_set(3200, "SSDT", HEADER_BYTES);
    for (unsigned i = 0; i < 20; i++, at += 8)
        put(at, MEMORY_BASE + 3200, 8);
    table_set(place_root, "XSDT", (uint32_t)(at - place_root));
    parse();
    assert_int_equal(acpi.ioapic_count, BARE_IOAPICS_MAX);
    assert_int_equal(acpi.override_count, BARE_OVERRIDES_MAX);
    assert_int_equal(acpi.ssdt_count, BARE_SSDTS_MAX);
    assert_int_equal(acpi.ssdts[0], MEMORY_BASE + 3200);
    assert_true(has_s5());
}

/* QEMU's microvm: hardware-reduced, so the sleep control register switches off. */
static void test_reduced(void **state)
{
    static uint8_t file[16384];
    FILE *from = fopen("tests/fuzz/corpus/bare_acpi/microvm", "rb");

    (void)state;
    assert_non_null(from);
    memory.bytes = file;
    memory.size = fread(file, 1, sizeof(file), from);
    fclose(from);
    parse();
    assert_true(acpi.found && acpi.hardware_reduced && has_s5());
    assert_int_equal(s5_types.a, 5);
    assert_int_equal(acpi.pm1a.address, 0);
    assert_int_equal(acpi.sleep_control.space, 0);
    assert_int_equal(acpi.sleep_control.address, 0xfea00200);
    assert_int_equal(acpi.reset.address, 0xfea00202);
    assert_int_equal(acpi.reset_value, 0x42);
    assert_int_equal(acpi.ioapic_count, 2);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_sound),         TEST(test_old_root),
        TEST(test_root_damaged),  TEST(test_every_byte_counts),
        TEST(test_table_damaged), TEST(test_s5_damaged),
        TEST(test_overrides),     TEST(test_too_many_entries),
        TEST(test_reduced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
