/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suspend, and what begins anew when the domain was restored: event channels, vCPU, clock, console,
 * store. Memory and threads are as they were. The part that PV and PVH share; requests.c calls it
 * when the tool stack asks.
 */
#include "balloon.h"
#include "xen.h"

#include "pvabi/errno.h"

int xen_suspend(void)
{
    struct xen_resumed resumed = {.shared = xen_shared_info};
    uint64_t now_ns;
    int result;

    if (xen_flavour->suspend == NULL)
        return -EOPNOTSUPP;
    xen_console_drain();
    now_ns = xen_now_ns() + pv_clock_offset_ns;
    result = xen_flavour->suspend(&resumed);
    if (result != 0)
        return result;
    xen_ports_forget();
    xen_shared_start(resumed.shared, xen_flavour);
    /* Xen's time counts from its host's start: the kernel's goes on where it was. */
    pv_clock_offset_ns = now_ns - xen_now_ns();
    xen_console_start(resumed.console, resumed.console_port);
    xen_store = resumed.store;
    xen_store_port = resumed.store_port;
    xenbus_restored();
    xen_memory_restored();
    /* Its channel is gone: the kernel looks at its timers, and sets the timer again. */
    xen_event_raise(PV_EVENT_TIMER);
    xen_event_raise(PV_EVENT_SYSTEM);
    return 0;
}
