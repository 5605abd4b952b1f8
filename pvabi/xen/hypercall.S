/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction that enters Xen, in the one function that holds it (hypercall.h). The number is
 * in RAX, arguments in RDI, RSI, RDX, R10; under PV RCX and R11 are lost, as under any SYSCALL.
 */

/* hypercall.h, pv.h; asserted in operations.c. */
#define XEN_VMCALL 1
#define COUNTERS_HYPERCALLS 0

        .section .text.xen_hypercall, "ax", @progbits
        .globl  xen_hypercall
        .type   xen_hypercall, @function
xen_hypercall:
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        incq    pv_counters + COUNTERS_HYPERCALLS(%rip)
        cmpl    $XEN_VMCALL, xen_hypercall_kind(%rip)
        jae     1f
        syscall
        ret
1:      ja      2f
        vmcall
        ret
2:      vmmcall
        ret
        .size   xen_hypercall, . - xen_hypercall

        .section .note.GNU-stack, "", @progbits
