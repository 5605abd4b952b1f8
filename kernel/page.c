/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator: a bitmap for each range of RAM, one bit a page, set when in use. Relies on
 * the boot record and pv->protect; called by every layer above (kernel/page.h). Masking upcalls
 * keeps it consistent, so searches are bounded by hints.
 *
 * Nothing is touched that need not be: all-zero means free, so a bitmap in zeroed RAM is ready as
 * it is; a small range has its bitmap in .bss, next to what the kernel touches anyway. A large
 * one's lies in its own highest pages, of which only the words in use are ever read.
 */
#include "kernel/page.h"

#include "arch/bootrec.h"
#include "bitmap.h"
#include "first.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

#define SMALL_WORDS 128u /* 32 MiB of RAM */

struct range {
    uintptr_t base;
    size_t page_count;
    uint64_t *used;
    size_t low_hint;  /* every page below is in use */
    size_t high_hint; /* every page from here on is in use */
    /* Pages in [fresh_low, fresh_high) were never handed out: they are as the host gave them. */
    size_t fresh_low, fresh_high;
};

static struct {
    struct range ranges[BOOTREC_RANGES_MAX];
    unsigned range_count;
    bool fresh_is_zero;
    size_t total, in_use, peak;
    struct guarded *guarded; /* freed stacks whose guard pages still stand */
    size_t guarded_pages;
    uint64_t small_bitmap[SMALL_WORDS];
} memory;

/* Written into the topmost bytes of a freed run: its owner has touched them already. */
struct guarded {
    struct guarded *next;
    uint8_t *pages;
    size_t count;
};

static void range_add(const struct bootrec_range *record, bool is_zero)
{
    struct range *range = &memory.ranges[memory.range_count];
    uintptr_t begin = (record->begin + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
    uintptr_t end = record->end & ~(uintptr_t)(PAGE_BYTES - 1);
    size_t count, words, own_pages;

    if (begin >= end)
        return;
    count = (end - begin) / PAGE_BYTES;
    words = (count + 63) / 64;
    own_pages = (words * sizeof(uint64_t) + PAGE_BYTES - 1) / PAGE_BYTES;
    range->base = begin;
    if (words <= SMALL_WORDS && memory.range_count == 0) {
        range->used = memory.small_bitmap;
    } else {
        if (own_pages >= count)
            return;
        count -= own_pages;
        range->used = (uint64_t *)(begin + count * PAGE_BYTES);
        if (!is_zero)
            __builtin_memset(range->used, 0, own_pages * PAGE_BYTES);
    }
    range->page_count = count;
    range->high_hint = range->fresh_high = count;
    memory.total += count;
    memory.range_count++;
}

void page_start(const struct bootrec *record)
{
    memory.fresh_is_zero = record->ram_is_zero;
    for (unsigned i = 0; i < record->ram_count && i < BOOTREC_RANGES_MAX; i++)
        range_add(&record->ram[i], record->ram_is_zero);
}

static void *page_at(const struct range *range, size_t index)
{
    return (void *)(range->base + index * PAGE_BYTES);
}

/* Marks free pages as used; true when all of them were fresh. A run from the middle of the fresh
 * ones makes those below it count as used before. */
static bool range_take(struct range *range, size_t begin, size_t end)
{
    bool fresh = begin >= range->fresh_low && end <= range->fresh_high;

    bitmap_fill(range->used, begin, end, true);
    if (fresh && end == range->fresh_high)
        range->fresh_high = begin;
    else if (fresh)
        range->fresh_low = end;
    else if (begin < range->fresh_high && end > range->fresh_high)
        range->fresh_high = begin > range->fresh_low ? begin : range->fresh_low;
    else if (begin < range->fresh_low && end > range->fresh_low)
        range->fresh_low = end < range->fresh_high ? end : range->fresh_high;
    if (begin == range->low_hint)
        range->low_hint = end;
    if (end == range->high_hint)
        range->high_hint = begin;
    memory.in_use += end - begin;
    if (memory.in_use - memory.guarded_pages > memory.peak)
        memory.peak = memory.in_use - memory.guarded_pages;
    return fresh;
}

/* The highest free run of `count` pages: its first page, or page_count when there is none. */
static size_t range_find_high(struct range *range, size_t count)
{
    size_t end, begin;

    range->high_hint = bitmap_previous(range->used, range->low_hint, range->high_hint, false);
    end = range->high_hint;
    while (end >= range->low_hint + count) {
        begin = bitmap_previous(range->used, end - count, end, true);
        if (begin == end - count)
            return begin;
        end = bitmap_previous(range->used, range->low_hint, begin, false);
    }
    return range->page_count;
}

static size_t range_find_low(struct range *range, size_t count)
{
    size_t begin, end;

    range->low_hint = bitmap_next(range->used, range->low_hint, range->high_hint, false);
    begin = range->low_hint;
    while (begin + count <= range->high_hint) {
        end = bitmap_next(range->used, begin, begin + count, true);
        if (end == begin + count)
            return begin;
        begin = bitmap_next(range->used, end, range->high_hint, false);
    }
    return range->page_count;
}

/* Takes a run from the highest range downwards, or from the lowest upwards. */
static void *take_run(size_t count, bool low, bool *fresh)
{
    unsigned state = upcalls_mask();
    void *pages = NULL;

    for (unsigned i = 0; i < memory.range_count && pages == NULL; i++) {
        struct range *range = &memory.ranges[low ? i : memory.range_count - 1 - i];
        size_t begin;

        if (count == 0 || count > range->page_count)
            continue;
        begin = low ? range_find_low(range, count) : range_find_high(range, count);
        if (begin == range->page_count)
            continue;
        *fresh = range_take(range, begin, begin + count);
        pages = page_at(range, begin);
    }
    upcalls_restore(state);
    return pages;
}

/* The range in which these pages lie, and the first one's position there; NULL when not all do. */
static struct range *range_of(const void *address, size_t count, size_t *index)
{
    uintptr_t at = (uintptr_t)address;

    if (at % PAGE_BYTES != 0 || count == 0)
        return NULL;
    for (unsigned i = 0; i < memory.range_count; i++) {
        struct range *range = &memory.ranges[i];

        if (at < range->base)
            continue;
        *index = (at - range->base) / PAGE_BYTES;
        if (*index < range->page_count && count <= range->page_count - *index)
            return range;
    }
    return NULL;
}

void page_free(void *pages, size_t count)
{
    unsigned state = upcalls_mask();
    struct range *range;
    size_t index;

    range = range_of(pages, count, &index);
    if (range == NULL)
        panic("page_free: %p, %zu pages: not the allocator's", pages, count);
    if (bitmap_next(range->used, index, index + count, false) != index + count)
        panic("page_free: %p, %zu pages: already free", pages, count);
    bitmap_fill(range->used, index, index + count, false);
    if (index < range->low_hint)
        range->low_hint = index;
    if (index + count > range->high_hint)
        range->high_hint = index + count;
    memory.in_use -= count;
    upcalls_restore(state);
}

/* Closes or opens a guard page; masked, because an upcall must not meet a change of rights. */
static int guard_set(void *page, enum pv_rights rights)
{
    unsigned state = upcalls_mask();
    int error = pv->protect(page, PAGE_BYTES, rights);

    upcalls_restore(state);
    return error;
}

/* Takes a freed stack out of the cache: one of `count` pages, or of any size when count is 0. */
static struct guarded guarded_take(size_t count)
{
    struct guarded found = {.pages = NULL};
    unsigned state = upcalls_mask();

    for (struct guarded **link = &memory.guarded; *link != NULL; link = &(*link)->next) {
        if (count != 0 && (*link)->count != count)
            continue;
        found = **link;
        *link = found.next;
        memory.guarded_pages -= found.count + 1;
        break;
    }
    upcalls_restore(state);
    return found;
}

/* Memory is short: gives one cached stack back to the allocator. False when there is none. */
static bool guarded_release(void)
{
    struct guarded found = guarded_take(0);

    if (found.pages == NULL)
        return false;
    /* A guard page that cannot be opened stays out of use. */
    if (guard_set(found.pages - PAGE_BYTES, PV_READ_WRITE) == 0)
        page_free(found.pages - PAGE_BYTES, 1);
    page_free(found.pages, found.count);
    return true;
}

static void *take_run_hard(size_t count, bool low, bool *fresh)
{
    void *pages;

    do
        pages = take_run(count, low, fresh);
    while (pages == NULL && guarded_release());
    return pages;
}

void *page_alloc(size_t count)
{
    bool fresh;

    return take_run_hard(count, false, &fresh);
}

void *page_alloc_zeroed(size_t count)
{
    bool fresh = false;
    void *pages = take_run_hard(count, false, &fresh);

    if (pages != NULL && !(fresh && memory.fresh_is_zero))
        __builtin_memset(pages, 0, count * PAGE_BYTES);
    return pages;
}

void *page_alloc_low(size_t count)
{
    bool fresh;

    return take_run_hard(count, true, &fresh);
}

int page_extend(void *address, size_t count)
{
    unsigned state = upcalls_mask();
    struct range *range;
    int result = -ENOMEM;
    size_t index;

    range = range_of(address, count, &index);
    if (range != NULL && bitmap_next(range->used, index, index + count, true) == index + count) {
        range_take(range, index, index + count);
        result = 0;
    }
    upcalls_restore(state);
    return result;
}

int page_alloc_guarded(size_t count, void **pages)
{
    struct guarded cached;
    uint8_t *run;
    int error;

    if (count == 0 || count > SIZE_MAX / PAGE_BYTES - 1)
        return -EINVAL;
    cached = guarded_take(count);
    if (cached.pages != NULL) {
        *pages = cached.pages;
        return 0;
    }
    run = page_alloc(count + 1);
    if (run == NULL)
        return -ENOMEM;
    error = guard_set(run, PV_NONE);
    if (error != 0) {
        page_free(run, count + 1);
        return error;
    }
    *pages = run + PAGE_BYTES;
    return 0;
}

void page_free_guarded(void *pages, size_t count)
{
    struct guarded *guarded = (struct guarded *)((uint8_t *)pages + count * PAGE_BYTES -
                                                 sizeof(struct guarded));
    unsigned state = upcalls_mask();

    *guarded = (struct guarded){.next = memory.guarded, .pages = pages, .count = count};
    memory.guarded = guarded;
    memory.guarded_pages += count + 1;
    upcalls_restore(state);
}

size_t page_total(void)
{
    return memory.total;
}

size_t page_in_use(void)
{
    return memory.in_use - memory.guarded_pages;
}

size_t page_in_use_peak(void)
{
    return memory.peak;
}
