/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/page.c kernel/bitmap.c tests/unit/kernel/fake.c */
/* The page allocator, on memory of the host's: every page that is handed out can be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/bootrec.h"
#include "kernel/bitmap.h"
#include "kernel/errno.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/page.h"

#define RAM_PAGES 16384u /* 64 MiB: a bitmap of its own */

static uint8_t *ram;

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

/* The allocator starts once in a process, so there is one RAM for all tests here, in two ranges. */
static int start(void **state)
{
    struct bootrec record = {.ram_count = 2, .ram_is_zero = true};

    (void)state;
    ram = map((RAM_PAGES + 2048) * PAGE_BYTES);
    record.ram[0].begin = (uintptr_t)ram + 100; /* rounded up */
    record.ram[0].end = (uintptr_t)ram + 1024 * PAGE_BYTES + 100;
    record.ram[1].begin = (uintptr_t)ram + 2048 * PAGE_BYTES;
    record.ram[1].end = (uintptr_t)ram + (2048 + RAM_PAGES) * PAGE_BYTES;
    page_start(&record);
    return 0;
}

static void counts_what_it_was_given(void **state)
{
    (void)state;
    /* 1023 whole pages below; above, one page holds the bitmap of 16384. */
    assert_int_equal(page_total(), 1023 + RAM_PAGES - 1);
    assert_int_equal(page_in_use(), 0);
}

static void goes_down_from_the_top_and_up_from_the_bottom(void **state)
{
    uint8_t *first = page_alloc(1), *second = page_alloc(3), *low = page_alloc_low(2);

    (void)state;
    assert_ptr_equal(first, ram + (2048 + RAM_PAGES - 2) * PAGE_BYTES);
    assert_ptr_equal(second, first - 3 * PAGE_BYTES);
    assert_ptr_equal(low, ram + PAGE_BYTES);
    assert_int_equal(page_in_use(), 6);
    memset(first, 1, PAGE_BYTES);
    memset(second, 1, 3 * PAGE_BYTES);
    page_free(second, 3);
    /* The highest free page is taken again. */
    assert_ptr_equal(page_alloc(1), first - PAGE_BYTES);
    page_free(first - PAGE_BYTES, 1);
    page_free(first, 1);
    assert_ptr_equal(page_alloc(2), first - PAGE_BYTES);
    page_free(first - PAGE_BYTES, 2);
    page_free(low, 2);
    assert_int_equal(page_in_use(), 0);
    assert_int_equal(page_in_use_peak(), 6);
}

static void extends_a_heap_in_place_or_not_at_all(void **state)
{
    uint8_t *heap = page_alloc_low(4);

    (void)state;
    assert_non_null(heap);
    assert_int_equal(page_extend(heap + 4 * PAGE_BYTES, 2), 0);
    assert_int_equal(page_extend(heap + 5 * PAGE_BYTES, 2), -ENOMEM);
    assert_int_equal(page_extend(heap + 6 * PAGE_BYTES + 1, 1), -ENOMEM);
    assert_int_equal(page_extend(heap + 6 * PAGE_BYTES, 0), -ENOMEM);
    assert_int_equal(page_extend(heap + 6 * PAGE_BYTES, 2000), -ENOMEM); /* beyond the range */
    assert_int_equal(page_extend(heap + 6 * PAGE_BYTES, SIZE_MAX / 2), -ENOMEM);
    assert_int_equal(page_extend(ram + 1500 * PAGE_BYTES, 1), -ENOMEM); /* between the ranges */
    page_free(heap, 6);
}

static void zeroed_pages_are_zero_also_when_used_before(void **state)
{
    static const uint8_t zeros[PAGE_BYTES];

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        uint8_t *pages = page_alloc_zeroed(5);

        for (unsigned i = 0; i < 5; i++)
            assert_memory_equal(pages + i * PAGE_BYTES, zeros, PAGE_BYTES);
        memset(pages, 0xaa, 5 * PAGE_BYTES);
        page_free(pages, 5);
        /* A run of another size lies partly on used and partly on fresh pages. */
        pages = page_alloc_zeroed(7 + round);
        for (unsigned i = 0; i < 7 + round; i++)
            assert_memory_equal(pages + i * PAGE_BYTES, zeros, PAGE_BYTES);
        memset(pages, 0xbb, (7 + round) * PAGE_BYTES);
        page_free(pages, 7 + round);
    }
}

static void refuses_what_does_not_exist(void **state)
{
    (void)state;
    assert_null(page_alloc(0));
    assert_null(page_alloc(RAM_PAGES));
    assert_null(page_alloc(SIZE_MAX));
    assert_null(page_alloc_low(SIZE_MAX / PAGE_BYTES));
    assert_int_equal(page_in_use(), 0);
}

static void a_double_free_panics(void **state)
{
    uint8_t *pages = page_alloc(2);

    (void)state;
    page_free(pages + PAGE_BYTES, 1);
    assert_panics("already free", page_free(pages, 2));
    page_free(pages, 1);
    assert_panics("already free", page_free(pages, 1));
    assert_panics("not the allocator's", page_free(ram + 1500 * PAGE_BYTES, 1));
    assert_panics("not the allocator's", page_free(pages + 8, 1));
    assert_int_equal(page_in_use(), 0);
}

static void guard_pages_are_reused_without_asking_the_host(void **state)
{
    void *stack, *again, *other;

    (void)state;
    fake.protects = 0;
    assert_int_equal(page_alloc_guarded(8, &stack), 0);
    assert_int_equal(fake.protects, 1);
    assert_ptr_equal(fake.protected_page, (uint8_t *)stack - PAGE_BYTES);
    memset(stack, 1, 8 * PAGE_BYTES);
    assert_int_equal(page_in_use(), 9);
    page_free_guarded(stack, 8);
    assert_int_equal(page_in_use(), 0);
    assert_int_equal(page_alloc_guarded(8, &again), 0);
    assert_ptr_equal(again, stack);
    assert_int_equal(fake.protects, 1);
    assert_int_equal(page_alloc_guarded(4, &other), 0);
    assert_int_equal(fake.protects, 2);
    page_free_guarded(again, 8);
    page_free_guarded(other, 4);
    assert_int_equal(page_alloc_guarded(0, &other), -EINVAL);
    assert_int_equal(page_alloc_guarded(SIZE_MAX / PAGE_BYTES, &other), -EINVAL);
    fake.protect_result = -ENOMEM;
    assert_int_equal(page_alloc_guarded(5, &other), -ENOMEM);
    fake.protect_result = 0;
    assert_int_equal(page_in_use(), 0);
}

static void everything_can_be_used_once(void **state)
{
    size_t count = 0, total = page_total();
    uint8_t **all = calloc(total, sizeof(*all)), *single;

    (void)state;
    /* Freed stacks of the test before are part of it: they are given back when memory is short. */
    while (count < total && (all[count] = page_alloc(1)) != NULL)
        count++;
    assert_int_equal(count, total);
    assert_null(page_alloc(1));
    assert_null(page_alloc_low(1));
    assert_int_equal(page_in_use(), total);
    for (size_t i = 0; i < count; i++)
        *(size_t *)all[i] = i;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(*(size_t *)all[i], i); /* no page twice */
    /* Every other one: no run of two, but singles. */
    for (size_t i = 0; i < count; i++) {
        if ((uintptr_t)all[i] / PAGE_BYTES % 2 == 0)
            page_free(all[i], 1);
    }
    assert_null(page_alloc(2));
    assert_null(page_alloc_low(2));
    single = page_alloc_low(1);
    assert_non_null(single);
    page_free(single, 1);
    for (size_t i = 0; i < count; i++) {
        if ((uintptr_t)all[i] / PAGE_BYTES % 2 != 0)
            page_free(all[i], 1);
    }
    assert_int_equal(page_in_use(), 0);
    free(all);
}

struct held {
    uint8_t *pages;
    size_t count;
    uint8_t mark;
};

static void take_some(struct held *held, unsigned step)
{
    held->count = 1 + (size_t)rand() % (rand() % 8 == 0 ? 400 : 9);
    held->mark = (uint8_t)step;
    switch (rand() % 3) {
    case 0:
        held->pages = page_alloc(held->count);
        break;
    case 1:
        held->pages = page_alloc_low(held->count);
        break;
    default:
        held->pages = page_alloc_zeroed(held->count);
        for (size_t i = 0; held->pages != NULL && i < held->count; i++)
            assert_int_equal(held->pages[i * PAGE_BYTES + 77], 0);
        break;
    }
    for (size_t i = 0; held->pages != NULL && i < held->count; i++)
        held->pages[i * PAGE_BYTES + 77] = held->mark;
}

static void never_hands_a_page_to_two(void **state)
{
    static struct held held[64];

    (void)state;
    srand(7);
    for (unsigned step = 0; step < 5000; step++) {
        struct held *one = &held[rand() % 64];

        if (one->pages == NULL) {
            take_some(one, step);
            continue;
        }
        for (size_t i = 0; i < one->count; i++)
            assert_int_equal(one->pages[i * PAGE_BYTES + 77], one->mark);
        page_free(one->pages, one->count);
        one->pages = NULL;
    }
    for (unsigned i = 0; i < 64; i++) {
        if (held[i].pages != NULL)
            page_free(held[i].pages, held[i].count);
    }
    assert_int_equal(page_in_use(), 0);
}

/* The bitmap's functions against the obvious. */
static void bitmap_agrees_with_single_bits(void **state)
{
    uint64_t words[5];
    bool bits[320];

    (void)state;
    srand(3);
    for (unsigned round = 0; round < 2000; round++) {
        size_t begin, end, expected;
        bool value = rand() % 2;

        memset(words, 0, sizeof(words));
        memset(bits, 0, sizeof(bits));
        for (unsigned i = 0; i < 4; i++) {
            begin = (size_t)rand() % 321;
            end = (size_t)rand() % 321;
            bitmap_fill(words, begin, end, i % 2 == 0);
            for (size_t at = begin; at < end; at++)
                bits[at] = i % 2 == 0;
        }
        begin = (size_t)rand() % 321;
        end = (size_t)rand() % 321;
        for (expected = begin; expected < end && bits[expected] != value; expected++)
            ;
        assert_int_equal(bitmap_next(words, begin, end, value), begin < end ? expected : end);
        for (expected = end; expected > begin && bits[expected - 1] != value; expected--)
            ;
        assert_int_equal(bitmap_previous(words, begin, end, value), begin < end ? expected : begin);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_it_was_given),
        cmocka_unit_test(goes_down_from_the_top_and_up_from_the_bottom),
        cmocka_unit_test(extends_a_heap_in_place_or_not_at_all),
        cmocka_unit_test(zeroed_pages_are_zero_also_when_used_before),
        cmocka_unit_test(refuses_what_does_not_exist),
        cmocka_unit_test(a_double_free_panics),
        cmocka_unit_test(guard_pages_are_reused_without_asking_the_host),
        cmocka_unit_test(everything_can_be_used_once),
        cmocka_unit_test(never_hands_a_page_to_two),
        cmocka_unit_test(bitmap_agrees_with_single_bits),
    };

    return cmocka_run_group_tests_name("page", tests, start, NULL);
}
