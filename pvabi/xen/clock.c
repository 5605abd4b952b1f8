/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time under Xen: Xen keeps a pvclock structure of ours current, which arch/pvclock.h reads. The wall
 * clock's four words lie elsewhere, in the page shared with the domain; they change when somebody
 * sets the host's clock, and are copied when their version did.
 */
#include "xen.h"

#include <xen/vcpu.h>

#include "arch/arch.h"
#include "arch/pvclock.h"

static struct pvclock xen_clock __attribute__((aligned(64)));

_Static_assert(offsetof(struct pvclock, wall_version) == sizeof(struct vcpu_time_info), "pvclock");

/* The version of the words that were copied last. Ours counts by itself: a restored domain meets
 * another page, which may have other words under the same version. */
static uint32_t wall_copied;

/* Xen may write meanwhile, on another CPU: a copy counts when the version was even and stayed.
 * Called with upcalls masked. */
static EARLY void wall_copy(void)
{
    const volatile struct shared_info *shared = xen_shared_info;
    uint32_t version, seconds, seconds_high, nanoseconds;

    do {
        version = shared->wc_version;
        arch_barrier_read(); /* the version before what it covers */
        seconds = shared->wc_sec;
        seconds_high = shared->wc_sec_hi;
        nanoseconds = shared->wc_nsec;
        arch_barrier_read(); /* and what it covers before its second reading */
    } while ((version & 1) != 0 || version != shared->wc_version);
    xen_clock.wall_version++;
    arch_barrier_write(); /* odd before what it covers changes */
    xen_clock.wall_sec = seconds;
    xen_clock.wall_sec_high = seconds_high;
    xen_clock.wall_nsec = nanoseconds;
    arch_barrier_write(); /* even after */
    xen_clock.wall_version++;
    wall_copied = version;
}

EARLY void xen_clock_start(void)
{
    struct vcpu_register_time_memory_area area = {
        .addr.v = (struct vcpu_time_info *)(void *)&xen_clock};

    if (xen_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0,
                      (uintptr_t)&area, 0) != 0)
        xen_crash("no clock: Xen does not take its page", NULL);
    pv_clock = &xen_clock;
    wall_copy();
}

EARLY void xen_clock_refresh(void)
{
    const volatile struct shared_info *shared = xen_shared_info;

    if (shared->wc_version != wall_copied)
        wall_copy();
}

uint64_t xen_now_ns(void)
{
    return pvclock_read_ns(pv_clock);
}
