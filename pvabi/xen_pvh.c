/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins the ring-0 machine (bare/) and Xen (xen/): the platform of a PVH guest. The guest owns its
 * page tables and traps as under any VMM; words, time, events and the end are Xen's, in the code that
 * PV shares. Interrupts stay off until the kernel wants upcalls, and with them the local APIC.
 */
#include "xen_pvh.h"

#include "bare/bare.h"
#include "pvabi/errno.h"
#include "pvabi/stamps.h"
#include "xen/balloon.h"
#include "xen/pvh.h"
#include "xen/requests.h"
#include "xen/xen.h"

/* Guest-physical addresses for what Xen puts there: between the highest that RAM below 4 GiB has
 * under Xen's tool stack and the lowest of its own pages. */
#define XEN_PVH_SHARED 0xf0000000ull
#define XEN_PVH_GRANTS (XEN_PVH_SHARED + XEN_PAGE)

static void *xen_pvh_grant_table_map(unsigned index)
{
    uint64_t address = XEN_PVH_GRANTS + index * XEN_PAGE;

    if (index >= XEN_GRANT_FRAMES_MAX || xen_pvh_place_grants(index, address) < 0)
        return NULL;
    return bare_map_shared(address, XEN_PAGE);
}

static EARLY void *xen_pvh_ring_map(uint64_t address)
{
    return address != 0 ? bare_map_shared(address, XEN_PAGE) : NULL;
}

/* Memory, page tables and the local APIC are saved and restored by Xen; what it had put among the
 * addresses of RAM is gone, and the vector. */
static int xen_pvh_suspend_resume(struct xen_resumed *resumed)
{
    struct xen_pvh_rings rings;
    int result = xen_pvh_suspend();

    if (result != 0)
        return result;
    if (xen_pvh_place_shared(XEN_PVH_SHARED) < 0)
        xen_crash("no place for the page shared with Xen", NULL);
    if (bare_upcalls_on && xen_pvh_upcalls_at(BARE_VECTOR_UPCALL) < 0)
        xen_crash("Xen raises no interrupts", NULL);
    xen_pvh_rings_get(&rings);
    *resumed = (struct xen_resumed){
        .shared = (struct shared_info *)XEN_PVH_SHARED,
        .console = xen_pvh_ring_map(rings.console),
        .store = xen_pvh_ring_map(rings.store),
        .console_port = rings.console_port,
        .store_port = rings.store_port,
    };
    return 0;
}

static const struct xen_flavour xen_pvh_flavour = {
    .suspend = xen_pvh_suspend_resume,
    .grant_table_map = xen_pvh_grant_table_map,
};

static const struct pv_machine xen_pvh_machine = {
    .log = xen_log,
    .mapped = bare_mapped,
    .in_ram = bare_in_ram,
    .end = xen_crash_end,
};

static EARLY int xen_pvh_start(enum pv_entry entry, const void *argument, struct bootrec *record)
{
    struct xen_pvh_rings rings;
    void *shared;

    if (!xen_pvh_here())
        return -ENODEV;
    pv_machine = &xen_pvh_machine;
    xen_pvh_rings_get(&rings);
    if (rings.console != 0 && bare_early_map(rings.console))
        xen_console_start((struct xencons_interface *)rings.console, rings.console_port);
    bare_machine_start(entry, argument, record);
    shared = bare_map_shared(XEN_PVH_SHARED, XEN_PAGE);
    if (shared == NULL || xen_pvh_place_shared(XEN_PVH_SHARED) < 0)
        xen_crash("no place for the page shared with Xen", NULL);
    if (rings.console != 0 && xen_pvh_ring_map(rings.console) == NULL)
        xen_crash("the console's ring is out of reach", NULL);
    xen_shared_start(shared, &xen_pvh_flavour);
    xen_store = xen_pvh_ring_map(rings.store);
    xen_store_port = rings.store_port;
    return 0;
}

static void xen_pvh_upcalls_enable(void)
{
    bare_apic_start();
    if (xen_pvh_upcalls_at(BARE_VECTOR_UPCALL) < 0)
        xen_crash("Xen raises no interrupts", NULL);
    bare_upcalls_start();
}

static const struct pv_platform xen_pvh_platform = {
    .name = "xen-pvh",
    .write = xen_write,
    .wait = xen_wait,
    .timer_set = xen_timer_set,
    .events_take = xen_events_take,
    .upcalls_enable = xen_pvh_upcalls_enable,
    .protect = bare_protect,
    .discard = xen_discard,
    .request_take = xen_request_take,
    .memory_give = xen_memory_give,
    .memory_take = xen_memory_take,
    .exit = xen_exit,
    .crash = xen_crash,
    .stamps_tell = pv_stamps_tell,
};

const struct pv_hypervisor xen_pvh_hypervisor = {
    .entries = 1u << PV_ENTRY_PVH,
    .platform = &xen_pvh_platform,
    .start = xen_pvh_start,
    .devices = xenbus_devices,
};
