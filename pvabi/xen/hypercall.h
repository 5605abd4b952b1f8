/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls: one instruction, chosen once at boot by what kind of guest this is. No hypercall page:
 * Xen writes one where the guest's own rules want none (XSA-466), and it saves nothing. Arguments
 * and results are Xen's (xen/xen.h and the header of each call); negative errno of Xen's numbers.
 */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

/* hypercall.S knows these values. */
enum xen_hypercall_kind { XEN_SYSCALL, XEN_VMCALL, XEN_VMMCALL };

/* PV: XEN_SYSCALL; PVH: by the CPU's vendor. Set by the entry before the first call. */
extern uint32_t xen_hypercall_kind;

/* Memory that the arguments name is read and written as far as the call says. */
long xen_hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d);

/* The form that most calls have: an operation and a structure. */
static inline long xen_operation(unsigned long number, unsigned long operation,
                                 const void *argument)
{
    return xen_hypercall(number, operation, (uintptr_t)argument, 0, 0);
}

#endif
