/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grant table (xen/grant_table.h, "Grant table entry format, version 1"): references come out
 * of a bitmap of fixed size, frames of the table are mapped when they are needed. Relies on
 * xen/host.h; called by the frontends (xen/grant.h), from any context.
 */
#include "grant.h"

#include <xen/grant_table.h>

#include "arch/arch.h"
#include "pvabi/errno.h"

#define FRAME_ENTRIES (XEN_PAGE_BYTES / sizeof(struct grant_entry_v1))
#define WORD_BITS 64u
#define FRAME_WORDS (FRAME_ENTRIES / WORD_BITS)

struct xen_grant_counters xen_grant_counters;

static struct grant_entry_v1 *frames[XEN_GRANT_FRAMES_MAX];
static unsigned frame_count;
static uint64_t taken[XEN_GRANT_FRAMES_MAX * FRAME_WORDS]; /* a bit a reference */

/* The first references are the tool stack's: console and xenstore. */
static void reserve(void)
{
    taken[0] |= (1ull << GNTTAB_NR_RESERVED_ENTRIES) - 1u;
}

static struct grant_entry_v1 *entry_of(uint32_t ref)
{
    return &frames[ref / FRAME_ENTRIES][ref % FRAME_ENTRIES];
}

static bool frame_add(void)
{
    void *frame;

    if (frame_count == XEN_GRANT_FRAMES_MAX)
        return false;
    frame = xen_grant_table_map(frame_count);
    if (frame == NULL)
        return false;
    if (frame_count == 0)
        reserve();
    frames[frame_count++] = frame;
    return true;
}

/* Upcalls are masked. 0: none left. */
static uint32_t ref_take(void)
{
    unsigned word = 0;

    for (;; word++) {
        if (word == frame_count * FRAME_WORDS && !frame_add())
            return 0;
        if (taken[word] != UINT64_MAX)
            break;
    }
    unsigned bit = (unsigned)__builtin_ctzll(~taken[word]);
    taken[word] |= 1ull << bit;
    return word * WORD_BITS + bit;
}

static void ref_give(uint32_t ref)
{
    taken[ref / WORD_BITS] &= ~(1ull << ref % WORD_BITS);
}

/* Upcalls are masked. A reference, or 0. */
static uint32_t grant(uint16_t domain, const void *page, bool read_only)
{
    uint64_t frame = xen_frame(page);
    struct grant_entry_v1 *entry;
    uint32_t ref;

    if (frame > UINT32_MAX) /* beyond what this version of the table can name */
        return 0;
    ref = ref_take();
    if (ref == 0)
        return 0;
    entry = entry_of(ref);
    entry->frame = (uint32_t)frame;
    entry->domid = domain;
    /* The other side sees frame and domain before the flag that makes them valid. */
    arch_barrier_write();
    *(volatile uint16_t *)&entry->flags = (uint16_t)(GTF_permit_access |
                                                     (read_only ? GTF_readonly : 0u));
    xen_grant_counters.in_use++;
    return ref;
}

/*
 * Upcalls are masked. One atomic exchange, which fails when the page is mapped or being copied: to
 * look first and then to end would leave a moment in which the other side can map it (XSA-396).
 */
static bool end(uint32_t ref, bool read_only)
{
    struct grant_entry_v1 *entry = entry_of(ref);
    uint16_t idle = (uint16_t)(GTF_permit_access | (read_only ? GTF_readonly : 0u));

    xen_grant_counters.in_use--;
    if (!__atomic_compare_exchange_n(&entry->flags, &idle, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        xen_grant_counters.leaked++;
        return false;
    }
    entry->frame = 0;
    ref_give(ref);
    return true;
}

int xen_pages_grant(struct xen_pages *pages, uint16_t domain)
{
    unsigned state = xen_upcalls_mask();
    int result = 0;

    for (unsigned i = 0; i < pages->count && result == 0; i++) {
        pages->refs[i] = grant(domain, pages->first + i * XEN_PAGE_BYTES, pages->read_only);
        if (pages->refs[i] == 0)
            result = -ENOMEM;
    }
    xen_upcalls_restore(state);
    if (result < 0)
        xen_pages_end(pages);
    return result;
}

unsigned xen_pages_end(struct xen_pages *pages)
{
    unsigned state = xen_upcalls_mask();
    unsigned held = 0;

    for (unsigned i = 0; i < pages->count; i++) {
        if (pages->refs[i] != 0 && !end(pages->refs[i], pages->read_only))
            held++;
        pages->refs[i] = 0;
    }
    xen_upcalls_restore(state);
    return held;
}

void xen_grants_report(void)
{
    if (xen_grant_counters.leaked != 0)
        xen_say("grants: a backend has kept pages\n");
}

void xen_grants_forget(void)
{
    unsigned count = frame_count;

    frame_count = 0;
    xen_grant_counters.in_use = 0;
    __builtin_memset(taken, 0, sizeof(taken));
    while (frame_count < count && frame_add())
        ;
}
