/* SPDX-License-Identifier: BSD-2-Clause */
/* Definition blocks: those of QEMU's machines, such as Firecracker writes, and damaged ones. */
/* sources: pvabi/bare/aml.c pvabi/bare/aml_resources.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/bare/aml.h"

static struct bare_aml aml;

/* A copy of exactly these bytes, so that the sanitizer sees any access beyond them. */
static void scan(const void *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);

    memcpy(copy, data, bytes);
    memset(&aml, 0, sizeof(aml));
    bare_aml_scan(copy, (uint32_t)bytes, &aml);
    free(copy);
}

static size_t load(const char *name, uint8_t room[16384])
{
    char path[256];
    FILE *file;
    size_t bytes;

    snprintf(path, sizeof(path), "tests/fuzz/corpus/bare_aml/%s", name);
    file = fopen(path, "rb");
    assert_non_null(file);
    bytes = fread(room, 1, 16384, file);
    fclose(file);
    assert_in_range(bytes, 64, 16383);
    scan(room, bytes);
    return bytes;
}

static void test_microvm(void **state)
{
    static uint8_t room[16384];

    (void)state;
    load("microvm-mmio", room);
    assert_int_equal(aml.mmio_count, 2);
    assert_int_equal(aml.mmio[0].address, 0xfeb02e00);
    assert_int_equal(aml.mmio[0].bytes, 512);
    assert_int_equal(aml.mmio[0].interrupt.line, 47);
    assert_true(aml.mmio[0].interrupt.level);
    assert_false(aml.mmio[0].interrupt.active_low || aml.mmio[0].interrupt.is_isa);
    assert_int_equal(aml.mmio[1].address, 0xfeb02c00);
    assert_int_equal(aml.mmio[1].interrupt.line, 46);
    assert_int_equal(aml.pci.ecam, 0);
}

static void test_microvm_pci(void **state)
{
    static uint8_t room[16384];

    (void)state;
    load("microvm-pcie", room);
    assert_int_equal(aml.pci.ecam, 0xe0000000);
    assert_int_equal(aml.pci.bus_last, 255);
    assert_int_equal(aml.pci.memory, 0xc0000000);
    assert_int_equal(aml.pci.memory_bytes, 0x20000000);
    for (unsigned i = 0; i < 128; i++) {
        const struct bare_aml_line *line = bare_aml_route(&aml, i / 4, i % 4);

        assert_non_null(line);
        assert_int_equal(line->line, 16 + (i / 4 + i) % 4);
        assert_true(line->level);
    }
    assert_null(bare_aml_route(&aml, 32, 0));
}

/* Their routing is a method's: nothing is made up. */
static void test_pc(void **state)
{
    static uint8_t room[16384];

    (void)state;
    load("pc", room);
    assert_int_equal(aml.mmio_count, 0);
    assert_null(bare_aml_route(&aml, 3, 0));
    load("q35", room);
    assert_int_equal(aml.mmio_count, 0);
    assert_null(bare_aml_route(&aml, 3, 0));
}

/* ---- blocks of our own ----------------------------------------------------------------------- */

static uint8_t block[8192];
static size_t block_bytes;

static void add(const void *data, size_t bytes)
{
    assert_true(block_bytes + bytes <= sizeof(block));
    memcpy(block + block_bytes, data, bytes);
    block_bytes += bytes;
}

/* An object with a length: opcode, room for two bytes of length; `close` fills them in. */
static size_t open(const char *opcode, const char *name)
{
    size_t at;

    add(opcode, strlen(opcode));
    at = block_bytes;
    add("\0\0", 2);
    add(name, strlen(name));
    return at;
}

static void close(size_t at)
{
    size_t bytes = block_bytes - at;

    block[at] = (uint8_t)(0x40 | (bytes & 15));
    block[at + 1] = (uint8_t)(bytes >> 4);
}

static void device(const char *name, const void *template, size_t bytes)
{
    size_t at = open("\x5b\x82", name), crs;

    add("\x08_HID\x0dLNRO0005", 15);
    add("\x08_UID\x0a\x07", 7);
    add("\x14\x08_STA\0\xa4\x01", 9); /* a method is passed over */
    add("\x08_CRS", 5);
    crs = open("\x11", "");
    add("\x0b", 1);
    add((const uint8_t[]){(uint8_t)bytes, (uint8_t)(bytes >> 8)}, 2);
    add(template, bytes);
    close(crs);
    close(at);
}

/* Firecracker's: Memory32Fixed and an edge; then an IRQ descriptor, and 64-bit memory. */
static void test_templates(void **state)
{
    static const uint8_t fixed[] = {0x86, 9, 0, 1,    0, 0, 0, 0xd0, 0, 0x10, 0, 0,
                                    0x89, 6, 0, 0x03, 1, 5, 0, 0,    0, 0x79, 0};
    static const uint8_t irq[] = {0x86, 9, 0, 1,    0, 0x10, 0,    0xd0, 0,
                                  0x10, 0, 0, 0x23, 0, 2,    0x18, 0x79, 0};
    static const uint8_t far[] = {0x8a, 0x2b, 0, 0, 0xc, 1,    0, 0,    0,    0,    0,    0, 0,
                                  0,    0,    0, 0, 0,   0x40, 0, 0,    0,    0xff, 0xf,  0, 0,
                                  0x40, 0,    0, 0, 0,   0,    0, 0,    0,    0,    0,    0, 0,
                                  0x10, 0,    0, 0, 0,   0,    0, 0x22, 0x20, 0,    0x79, 0};
    size_t scope;

    (void)state;
    block_bytes = 0;
    add("\x15\\ABCD\x06\0", 8);                        /* External */
    add("\x5b\x80REGN\0\x0c\0\0\xc0\xfe\x0a\x10", 14); /* OperationRegion */
    scope = open("\x10", "\\_SB_");
    device("V000", fixed, sizeof(fixed));
    device("V001", irq, sizeof(irq));
    device("V002", far, sizeof(far));
    close(scope);
    scan(block, block_bytes);
    assert_int_equal(aml.mmio_count, 3);
    assert_int_equal(aml.mmio[0].address, 0xd0000000);
    assert_int_equal(aml.mmio[0].bytes, 4096);
    assert_int_equal(aml.mmio[0].interrupt.line, 5);
    assert_false(aml.mmio[0].interrupt.level || aml.mmio[0].interrupt.is_isa);
    assert_int_equal(aml.mmio[1].interrupt.line, 9);
    assert_true(aml.mmio[1].interrupt.is_isa && aml.mmio[1].interrupt.level);
    assert_true(aml.mmio[1].interrupt.active_low);
    assert_int_equal(aml.mmio[2].address, 0x4000000000);
    assert_int_equal(aml.mmio[2].bytes, 4096);
    assert_int_equal(aml.mmio[2].interrupt.line, 5);
    assert_false(aml.mmio[2].interrupt.level);
}

static void test_without_interrupt(void **state)
{
    static const uint8_t no_interrupt[] = {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0, 0, 0x79, 0};
    static const uint8_t no_memory[] = {0x22, 0x20, 0, 0x79, 0};
    static const uint8_t no_bytes[] = {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0, 0, 0, 0x22, 0x20, 0};

    (void)state;
    block_bytes = 0;
    device("V000", no_interrupt, sizeof(no_interrupt));
    device("V001", no_memory, sizeof(no_memory));
    device("V002", no_bytes, sizeof(no_bytes));
    scan(block, block_bytes);
    assert_int_equal(aml.mmio_count, 0);
}

static void test_too_many(void **state)
{
    static const uint8_t template[] = {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0, 0, 0x22, 0x20, 0};

    (void)state;
    block_bytes = 0;
    for (unsigned i = 0; i < BARE_AML_MMIO_MAX + 1; i++)
        device("VIRT", template, sizeof(template));
    scan(block, block_bytes);
    assert_int_equal(aml.mmio_count, BARE_AML_MMIO_MAX);
    assert_true(aml.mmio_dropped);
}

/* What is unknown ends its list, not those around it. */
static void test_unknown(void **state)
{
    static const uint8_t template[] = {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0, 0, 0x22, 0x20, 0};
    size_t scope;

    (void)state;
    block_bytes = 0;
    scope = open("\x10", "\\_SB_");
    device("V000", template, sizeof(template));
    add("\xfe", 1);
    device("V001", template, sizeof(template));
    close(scope);
    device("V002", template, sizeof(template));
    scan(block, block_bytes);
    assert_int_equal(aml.mmio_count, 2);
}

static void test_deep(void **state)
{
    static const uint8_t template[] = {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0, 0, 0x22, 0x20, 0};
    size_t scopes[40];

    (void)state;
    block_bytes = 0;
    for (unsigned i = 0; i < 40; i++)
        scopes[i] = open("\x10", "SCOP");
    device("V000", template, sizeof(template));
    for (unsigned i = 40; i-- > 0;)
        close(scopes[i]);
    device("V001", template, sizeof(template));
    scan(block, block_bytes);
    assert_int_equal(aml.mmio_count, 1);
}

/* Cut off anywhere, and with any one byte changed: whatever comes of it, nothing beyond the end is
 * read (the sanitizer looks). */
static void test_damaged(void **state)
{
    static const char *const names[] = {"microvm-mmio", "microvm-pcie"};
    static uint8_t room[16384];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        size_t bytes = load(names[i], room);

        for (size_t cut = 0; cut < bytes; cut++)
            scan(room, cut);
        for (size_t at = 0; at < bytes; at++) {
            uint8_t before = room[at];

            for (unsigned change = 1; change < 256; change = change * 2 + 1) {
                room[at] = (uint8_t)(before ^ change);
                scan(room, bytes);
                assert_true(aml.mmio_count <= 2 || i == 0);
            }
            room[at] = before;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_microvm),
        cmocka_unit_test(test_microvm_pci),
        cmocka_unit_test(test_pc),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_without_interrupt),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
