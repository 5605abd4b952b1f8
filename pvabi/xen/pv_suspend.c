/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suspend of a PV guest. The tool stack rewrites every frame number that it knows of: page tables,
 * the list of frames, Xen's idea of this vCPU. So nothing that is not the domain's own may be mapped
 * meanwhile, and the start information, which tells where the rings are, holds page numbers.
 */
#include "pv.h"

#include <xen/sched.h>

#include "pvabi/errno.h"

static void *ring(uint64_t page)
{
    return page != 0 ? (void *)(page * XEN_PAGE) : NULL;
}

int xen_pv_suspend(struct xen_resumed *resumed)
{
    struct xen_start *start = &xen_pv_start;
    struct start_info *info = ring(start->info);
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};
    long result;

    if (start->console == 0)
        return -EOPNOTSUPP;                               /* the first domain */
    xen_shared_info->vcpu_info[0].evtchn_upcall_mask = 1; /* the vCPU's until ours is registered */
    xen_pv_window_clear();
    info->store_mfn = start->store;
    info->console.domU.mfn = start->console;
    result = xen_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&shutdown,
                           start->frames[start->info], 0);
    if (result != 0) {
        info->store_mfn = start->store != 0 ? start->frames[start->store] : 0;
        info->console.domU.mfn = start->frames[start->console];
        xen_pv_shared_map(start->shared_frame);
        xen_pv_grants_map_again();
        return result > 0 ? 1 : (int)result;
    }
    start->shared_frame = info->shared_info / XEN_PAGE;
    start->store_port = info->store_evtchn;
    start->console_port = info->console.domU.evtchn;
    *resumed = (struct xen_resumed){
        .shared = xen_pv_shared_map(start->shared_frame),
        .console = ring(start->console),
        .store = ring(start->store),
        .console_port = start->console_port,
        .store_port = start->store_port,
    };
    return 0;
}
