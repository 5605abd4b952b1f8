/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages given to Xen and taken back (xen/memory.h), for the kernel's balloon: pv_platform.memory_give
 * and memory_take. Under PV a page has another frame when it comes back. Called with upcalls masked
 * or not; the page belongs to the caller.
 */
#include "balloon.h"

#include "pvabi/errno.h"
#include "watchdog.h"
#include "xen.h"

#include <xen/memory.h>

#define NO_FRAME UINT64_MAX
#define PAT_PAGES \
    4096u /* much memory takes long, and keeps the thread busy that pats the watchdog */

/* Pages that the domain had, as Xen counts them, when the first was given (0: none was); and those that
 * are Xen's by our own count. */
static uint64_t first_pages, given;

/* The domain's own list, which the tool stack reads when it saves the domain; NULL under PVH. */
static uint64_t *list_entry(const void *page)
{
    if (xen_flavour->frames == NULL)
        return NULL;
    return (uint64_t *)(uintptr_t)&xen_flavour->frames[(uintptr_t)page / XEN_PAGE];
}

static __attribute__((noinline)) bool exchange(unsigned operation, xen_pfn_t *frame)
{
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    static unsigned count;
    uint64_t again_ns = PV_NO_DEADLINE;

    if (++count % PAT_PAGES == 0)
        xen_watchdog_pat(&again_ns);
    set_xen_guest_handle(reservation.extent_start, frame);
    return xen_operation(__HYPERVISOR_memory_op, operation, &reservation) == 1;
}

static uint64_t domain_pages(void)
{
    domid_t self = DOMID_SELF;
    long count = xen_operation(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);

    return count > 0 ? (uint64_t)count : 0;
}

uint64_t xen_memory_given(void)
{
    return given;
}

uint64_t xen_memory_leaked(void)
{
    uint64_t left = first_pages - given, count = first_pages != 0 ? domain_pages() : left;

    return count > left ? count - left : left - count;
}

void xen_memory_restored(void)
{
    if (first_pages != 0)
        first_pages = domain_pages() + given;
}

int xen_memory_give(void *page)
{
    xen_pfn_t frame = xen_frame(page);
    uint64_t *entry = list_entry(page);

    if (first_pages == 0)
        first_pages = domain_pages();
    __builtin_memset(page, 0, XEN_PAGE); /* whoever gets it next */
    if (entry != NULL && pv->protect(page, XEN_PAGE, PV_NONE) < 0)
        return -EINVAL;
    if (!exchange(XENMEM_decrease_reservation, &frame)) {
        if (entry != NULL)
            (void)pv->protect(page, XEN_PAGE, PV_READ_WRITE);
        return -ENOMEM;
    }
    if (entry != NULL)
        *entry = NO_FRAME;
    given++;
    return 0;
}

int xen_memory_take(void *page)
{
    xen_pfn_t frame = (uintptr_t)page / XEN_PAGE;
    uint64_t *entry = list_entry(page);

    if (!exchange(XENMEM_populate_physmap, &frame))
        return -ENOMEM;
    given--;
    if (entry == NULL)
        return 0;
    *entry = frame;
    if (pv->protect(page, XEN_PAGE, PV_READ_WRITE) == 0)
        return 0;
    given++;
    *entry = NO_FRAME; /* the frame goes back, or the next try would leave it behind */
    (void)exchange(XENMEM_decrease_reservation, &frame);
    return -ENOMEM;
}
