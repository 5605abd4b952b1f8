/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/page.c kernel/bitmap.c tests/unit/kernel/fake.c */
/* The page allocator with 1 TiB: address space without memory behind it, so touching too much of it
 * would show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/bootrec.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/page.h"

#define RAM_BYTES (1ull << 40)

static uint8_t *ram;

static size_t resident_pages(void)
{
    static unsigned char resident[8192];
    size_t bitmap_bytes = RAM_BYTES / PAGE_BYTES / 8, count = 0;

    assert_int_equal(mincore(ram + RAM_BYTES - bitmap_bytes, bitmap_bytes, resident), 0);
    for (size_t i = 0; i < bitmap_bytes / PAGE_BYTES; i++)
        count += resident[i] & 1;
    return count;
}

static void serves_a_terabyte_and_touches_little(void **state)
{
    struct bootrec record = {.ram_count = 1, .ram_is_zero = true};
    uint8_t *low, *high, *most;

    (void)state;
    ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
    assert_true(ram != MAP_FAILED);
    madvise(ram, RAM_BYTES, MADV_NOHUGEPAGE);
    record.ram[0] = (struct bootrec_range){(uintptr_t)ram, (uintptr_t)ram + RAM_BYTES};
    page_start(&record);
    assert_int_equal(page_total(), (RAM_BYTES - RAM_BYTES / PAGE_BYTES / 8) / PAGE_BYTES);

    low = page_alloc_low(1000);
    high = page_alloc(1000);
    assert_ptr_equal(low, ram);
    assert_ptr_equal(high, ram + page_total() * PAGE_BYTES - 1000 * PAGE_BYTES);
    assert_true(resident_pages() <= 2);
    page_free(low, 1000);
    page_free(high, 1000);

    most = page_alloc(page_total());
    assert_ptr_equal(most, ram);
    assert_null(page_alloc(1));
    page_free(most, page_total());
    assert_int_equal(page_in_use(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(serves_a_terabyte_and_touches_little)};

    return cmocka_run_group_tests_name("page_huge", tests, NULL, NULL);
}
