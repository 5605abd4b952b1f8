/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/memory.c */
/* memory_at, the one way from a guest's address to a pointer: every border from both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory.h"
#include "pvabi/native.h"

#define RAM_BYTES 0x10000u
#define RAM_END (PVN_RAM_BASE + RAM_BYTES)
#define TEXT_BEGIN (PVN_RAM_BASE + 0x1000)
#define TEXT_END (PVN_RAM_BASE + 0x3000)

static uint8_t ram[RAM_BYTES];

static const struct guest_memory memory = {
    .host = ram,
    .base = PVN_RAM_BASE,
    .ram_bytes = RAM_BYTES,
    .all_bytes = 2 * RAM_BYTES, /* the monitor's own area behind it is not RAM */
    .read_only = {{TEXT_BEGIN, TEXT_END}},
    .read_only_count = 1,
};

static void *at(uint64_t address, uint64_t bytes, enum memory_access access)
{
    return memory_at(&memory, (gpa_t){address}, bytes, access);
}

static void test_inside(void **state)
{
    (void)state;
    assert_ptr_equal(at(PVN_RAM_BASE, 1, MEMORY_READ), ram);
    assert_ptr_equal(at(PVN_RAM_BASE, RAM_BYTES, MEMORY_READ), ram);
    assert_ptr_equal(at(RAM_END - 1, 1, MEMORY_WRITE), ram + RAM_BYTES - 1);
    assert_ptr_equal(at(RAM_END, 0, MEMORY_READ), ram + RAM_BYTES);
    assert_ptr_equal(at(PVN_RAM_BASE, 0, MEMORY_WRITE), ram);
}

static void test_outside(void **state)
{
    (void)state;
    assert_null(at(0, 1, MEMORY_READ));
    assert_null(at(0, 0, MEMORY_READ));
    assert_null(at(PVN_RAM_BASE - 1, 2, MEMORY_READ));
    assert_null(at(RAM_END, 1, MEMORY_READ));
    assert_null(at(RAM_END + 1, 0, MEMORY_READ));
    assert_null(at(RAM_END - 1, 2, MEMORY_READ));
    assert_null(at(PVN_RAM_BASE, RAM_BYTES + 1, MEMORY_READ));
}

static void test_sums_that_wrap(void **state)
{
    (void)state;
    assert_null(at(PVN_RAM_BASE + 8, UINT64_MAX, MEMORY_READ));
    assert_null(at(PVN_RAM_BASE + 8, UINT64_MAX - 7, MEMORY_READ));
    assert_null(at(PVN_RAM_BASE + 8, 0 - PVN_RAM_BASE, MEMORY_READ));
    assert_null(at(UINT64_MAX, 2, MEMORY_READ));
    assert_null(at(UINT64_MAX - 3, PVN_RAM_BASE + 8, MEMORY_READ));
    assert_null(at(UINT64_MAX, 0, MEMORY_WRITE));
}

static void test_text_is_not_written(void **state)
{
    (void)state;
    assert_non_null(at(TEXT_BEGIN, 0x2000, MEMORY_READ));
    assert_null(at(TEXT_BEGIN, 1, MEMORY_WRITE));
    assert_null(at(TEXT_END - 1, 1, MEMORY_WRITE));
    assert_null(at(TEXT_BEGIN - 1, 2, MEMORY_WRITE));
    assert_null(at(TEXT_END - 1, 2, MEMORY_WRITE));
    assert_null(at(PVN_RAM_BASE, RAM_BYTES, MEMORY_WRITE));
    assert_non_null(at(TEXT_BEGIN - 1, 1, MEMORY_WRITE));
    assert_non_null(at(TEXT_END, 1, MEMORY_WRITE));
    assert_non_null(at(TEXT_BEGIN + 8, 0, MEMORY_WRITE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_sums_that_wrap),
        cmocka_unit_test(test_text_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
