/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the domain builder's page to the one boot record: console, memory, traps, vCPU, clock, in
 * this order; and the PV guest's struct pv_platform. Runs once, on the boot stack, before there is
 * a canary; called through probe.c.
 */
#include "arch/arch.h"
#include "arch/bootrec.h"
#include "balloon.h"
#include "pv.h"
#include "pvabi/errno.h"
#include "pvabi/stamps.h"
#include "requests.h"

#define MAPPED_BEHIND (512ull << 10) /* that the builder maps behind its last page, at least */

extern const char image_end[];

void xen_pv_enter(const void *info) __attribute__((noreturn));

struct xen_start xen_pv_start;

static void xen_pv_upcalls_enable(void)
{
    /* The callback stands since the start; the kernel unmasks. */
}

static const struct pv_platform xen_pv_platform = {
    .name = "xen-pv",
    .write = xen_write,
    .wait = xen_wait,
    .timer_set = xen_timer_set,
    .events_take = xen_events_take,
    .upcalls_enable = xen_pv_upcalls_enable,
    .protect = xen_pv_protect,
    .discard = xen_discard,
    .request_take = xen_request_take,
    .memory_give = xen_memory_give,
    .memory_take = xen_memory_take,
    .exit = xen_exit,
    .crash = xen_crash,
    .stamps_tell = pv_stamps_tell,
};

static const struct pv_machine xen_pv_machine = {
    .log = xen_log,
    .mapped = xen_pv_mapped,
    .in_ram = xen_pv_in_ram,
    .end = xen_crash_end,
};

static struct xen_flavour xen_pv_flavour = {
    .suspend = xen_pv_suspend,
    .grant_table_map = xen_pv_grant_table_map,
};

EARLY void xen_pv_enter(const void *info)
{
    pv_start(PV_ENTRY_XEN_PV, info);
}

/* The builder maps everything up to its last page, which is the start's own stack, and some more. */
static EARLY const void *pv_read(uint64_t address, uint64_t bytes)
{
    uint64_t end;

    if (address < XEN_PAGE || __builtin_add_overflow(address, bytes, &end) ||
        end > XEN_START_PAGES_MAX * XEN_PAGE)
        return NULL;
    return (const void *)address;
}

static EARLY void *pv_page(uint64_t page)
{
    return page != 0 ? (void *)(page * XEN_PAGE) : NULL;
}

static EARLY int xen_pv_boot(enum pv_entry entry, const void *argument, struct bootrec *record)
{
    struct xen_start *start = &xen_pv_start;
    struct shared_info *shared;
    const char *wrong;

    (void)entry;
    pv_machine = &xen_pv_machine;
    wrong = xen_start_parse(pv_read, (uintptr_t)argument, (uintptr_t)image_end, start);
    xen_console_start(pv_page(start->console), start->console_port);
    if (wrong != NULL)
        xen_crash(wrong, NULL);
    xen_pv_flavour.frames = start->frames;
    shared = xen_pv_memory_start(record);
    xen_pv_traps_start();
    xen_pv_cpu_start();
    xen_shared_start(shared, &xen_pv_flavour);
    xen_store = pv_page(start->store);
    xen_store_port = start->store_port;
    pv_cmdline_parse(start->cmdline, start->cmdline_bytes, &pv_cmdline);
    pv_stamps_start(arch_cycles());
    pv_cmdline_hand_over(record);
    return 0;
}

const struct pv_hypervisor xen_pv_hypervisor = {
    .entries = 1u << PV_ENTRY_XEN_PV,
    .platform = &xen_pv_platform,
    .start = xen_pv_boot,
    .devices = xenbus_devices,
};
