/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercalls of a PVH guest's start (pvh.h). Hypercalls work as soon as the instruction is
 * chosen: vmcall on Intel's processors and their like, vmmcall on AMD's.
 */
#include "pvh.h"

#include <cpuid.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "pvabi/errno.h"
#include "xen.h"

#define CPUID_HYPERVISOR (1u << 31) /* of leaf 1, ECX */
/* Leaves begin at a multiple of 0x100, behind those of another interface that Xen may offer, too. */
#define LEAF_FIRST 0x40000000u
#define LEAF_STEP 0x100u
#define LEAF_LAST 0x40000400u

/* "XenVMMXenVMM"; "AuthenticAMD", "HygonGenuine" by their middle. */
#define XEN_EBX 0x566e6558u
#define XEN_ECX 0x65584d4du
#define XEN_EDX 0x4d4d566eu
#define AMD_EDX 0x69746e65u
#define HYGON_EDX 0x6e65476eu

EARLY bool xen_pvh_here(void)
{
    uint32_t eax, ebx, ecx, edx;

    __cpuid(1, eax, ebx, ecx, edx);
    if (!(ecx & CPUID_HYPERVISOR))
        return false;
    for (uint32_t leaf = LEAF_FIRST; leaf <= LEAF_LAST; leaf += LEAF_STEP) {
        __cpuid(leaf, eax, ebx, ecx, edx);
        if (ebx == XEN_EBX && ecx == XEN_ECX && edx == XEN_EDX) {
            __cpuid(0, eax, ebx, ecx, edx);
            xen_hypercall_kind = edx == AMD_EDX || edx == HYGON_EDX ? XEN_VMMCALL : XEN_VMCALL;
            return true;
        }
    }
    return false;
}

static EARLY uint64_t xen_pvh_param(uint32_t index)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};

    return xen_operation(__HYPERVISOR_hvm_op, HVMOP_get_param, &param) == 0 ? param.value : 0;
}

EARLY void xen_pvh_rings_get(struct xen_pvh_rings *rings)
{
    rings->console_port = (uint32_t)xen_pvh_param(HVM_PARAM_CONSOLE_EVTCHN);
    rings->console = rings->console_port ? xen_pvh_param(HVM_PARAM_CONSOLE_PFN) * XEN_PAGE : 0;
    rings->store_port = (uint32_t)xen_pvh_param(HVM_PARAM_STORE_EVTCHN);
    rings->store = rings->store_port ? xen_pvh_param(HVM_PARAM_STORE_PFN) * XEN_PAGE : 0;
}

static EARLY int xen_pvh_place(unsigned space, unsigned index, uint64_t address)
{
    struct xen_add_to_physmap place = {
        .domid = DOMID_SELF, .space = space, .idx = index, .gpfn = address / XEN_PAGE};

    return (int)xen_operation(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &place);
}

/* Setting how events are to be told (not by a line of a device: 0) is when Xen looks whether this is
 * a 64-bit guest, and writes the wall clock's time into the page. */
EARLY int xen_pvh_place_shared(uint64_t address)
{
    struct xen_hvm_param none = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};
    int error = xen_pvh_place(XENMAPSPACE_shared_info, 0, address);

    return error < 0 ? error : (int)xen_operation(__HYPERVISOR_hvm_op, HVMOP_set_param, &none);
}

int xen_pvh_place_grants(unsigned index, uint64_t address)
{
    return xen_pvh_place(XENMAPSPACE_grant_table, index, address);
}

int xen_pvh_upcalls_at(uint8_t vector)
{
    struct xen_hvm_evtchn_upcall_vector upcall = {.vcpu = 0, .vector = vector};

    return (int)xen_operation(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &upcall);
}

int xen_pvh_suspend(void)
{
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};

    return (int)xen_operation(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &shutdown);
}
