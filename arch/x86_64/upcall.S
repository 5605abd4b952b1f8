/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upcalls (pvabi/ABI.md, "Upcalls"; pvabi/native.h). The other side -- the monitor, or the ring-0
 * platform's interrupt code -- enters arch_upcall between any two instructions, on the interrupted
 * thread's stack, below its red zone, with upcalls masked and the direction flag clear. pv_upcall
 * points to a struct pvn_vcpu. The stack from there downwards:
 *
 *     128 bytes      the interrupted code's red zone
 *     rip, rflags    struct pvn_upcall_frame, by the other side
 *     15 registers   arch/frame.h
 *     rip, rbp       a frame record, so that backtraces go through                    <- RBP
 *     FPU state      arch_cpu_info.xsave_bytes (or FXSAVE's 512), aligned to 64       <- RSP
 *
 * The way back unmasks, looks again at what is pending, and returns. An upcall in the middle of
 * that would find half-loaded registers, so from unmasking to the return the code is a restartable
 * range: an upcall there is entered at arch_upcall_restart, which starts over. That is right
 * because
 *   1. the range only reads the frame, so it is whole whichever instruction was next;
 *   2. nothing is stored below it either, in particular not into the FPU area: the other side
 *      pushes nothing for an upcall in the range, and RSP moves above the frame only there;
 *   3. the FPU is loaded before the range and not used in it, so the live FPU state and the area
 *      are equal and the area need not be saved again;
 *   4. restart_sp is stored while upcalls are masked, so it belongs to the thread in the range.
 *
 * The area is saved with XSAVE. XSAVEOPT would be wrong: it leaves out what has not changed since
 * the last XRSTOR from the same address, and on a stack others have written there meanwhile.
 */
#include "arch/frame.h"

/* Asserted in the native platform.c. */
#define CPU_XCR0 0
#define CPU_XSAVE_BYTES 8
#define COUNTERS_UPCALLS 24
#define UPCALL_PENDING 0
#define UPCALL_MASK 1
#define VCPU_RESTART_SP 72

#define FXSAVE_BYTES 512
#define XSAVE_HEADER 512 /* offset of its 64 bytes */

/* RSP: from the frame record at RBP down to the FPU area. Clobbers RAX, RCX. */
        .macro  fpu_area
        movl    arch_cpu_info + CPU_XSAVE_BYTES(%rip), %ecx
        movl    $FXSAVE_BYTES, %eax
        testl   %ecx, %ecx
        cmovzl  %eax, %ecx
        movq    %rbp, %rsp
        subq    %rcx, %rsp
        andq    $-64, %rsp
        .endm

/* EDX:EAX: the state components of XSAVE and XRSTOR; ZF set when there is FXSAVE only. */
        .macro  fpu_components
        movl    arch_cpu_info + CPU_XCR0(%rip), %eax
        movl    arch_cpu_info + CPU_XCR0 + 4(%rip), %edx
        cmpl    $0, arch_cpu_info + CPU_XSAVE_BYTES(%rip)
        .endm

        .section .text.arch_upcall, "ax", @progbits
        .globl  arch_upcall
        .type   arch_upcall, @function
arch_upcall:
        arch_frame_push
        incq    pv_counters + COUNTERS_UPCALLS(%rip)

/* Entered by a platform whose upcalls write below the stack pointer in the range, too: with RSP at
 * the registers, which are whole; the frame record and the FPU area are made anew. */
        .globl  arch_upcall_again
arch_upcall_again:
        pushq   ARCH_FRAME_BYTES + 8(%rsp)
        pushq   ARCH_FRAME_RBP + 8(%rsp)
        movq    %rsp, %rbp
        fpu_area
        fpu_components
        jz      1f
        /* XSAVE leaves the header's reserved part as it is, and XRSTOR wants zeros there. */
        xorl    %ecx, %ecx
        movq    %rcx, XSAVE_HEADER(%rsp)
        movq    %rcx, XSAVE_HEADER + 8(%rsp)
        movq    %rcx, XSAVE_HEADER + 16(%rsp)
        movq    %rcx, XSAVE_HEADER + 24(%rsp)
        movq    %rcx, XSAVE_HEADER + 32(%rsp)
        movq    %rcx, XSAVE_HEADER + 40(%rsp)
        movq    %rcx, XSAVE_HEADER + 48(%rsp)
        movq    %rcx, XSAVE_HEADER + 56(%rsp)
        xsave64 (%rsp)
        jmp     .Lrun
1:      fxsave64 (%rsp)

/* Masked; RBP and RSP as in the picture; the area holds the interrupted FPU state. */
.Lrun:
        /* A fresh FPU, as the ABI wants it at a function's entry: the interrupted code may have
         * been amid x87 or MMX, and kernel_upcall may go on with a thread that was not. */
        fpu_components
        jz      2f
        xrstor64 fpu_fresh(%rip)
        jmp     3f
2:      fxrstor64 fpu_fresh(%rip)
3:      call    kernel_upcall

        fpu_components
        jz      4f
        xrstor64 (%rsp)
        jmp     5f
4:      fxrstor64 (%rsp)
5:      movq    pv_upcall(%rip), %rdx
        movq    %rbp, VCPU_RESTART_SP(%rdx)
        leaq    16(%rbp), %rsp
        xorl    %eax, %eax

        .globl  arch_upcall_restart_begin, arch_upcall_restart_end
arch_upcall_restart_begin:
        /* The exchange is a full barrier: the load of `pending` must not rise above the store of
         * `mask`. The other side sets `pending` and then looks at `mask`; were the load early, it
         * would enter no upcall and we would see none pending. */
        xchgb   %al, UPCALL_MASK(%rdx)
        cmpb    $0, UPCALL_PENDING(%rdx)
        jne     6f
        arch_frame_load
        addq    $ARCH_FRAME_BYTES, %rsp
        popfq
        ret     $128                    /* PVN_RED_ZONE */
6:      movb    $1, UPCALL_MASK(%rdx)
arch_upcall_restart_end:
        movq    %rbp, %rsp

/* Entered by the other side, too, with RSP as restart_sp and upcalls masked. */
        .globl  arch_upcall_restart
arch_upcall_restart:
        movq    %rsp, %rbp
        fpu_area
        jmp     .Lrun
        .size   arch_upcall, . - arch_upcall

/* The initial state: XSTATE_BV is zero; FXRSTOR takes FCW and MXCSR, XRSTOR takes MXCSR. */
        .section .rodata.fpu_fresh, "a", @progbits
        .balign 64
fpu_fresh:
        .short  0x037f                  /* FCW: all exceptions masked, 64-bit precision */
        .zero   22
        .long   0x1f80                  /* MXCSR: all exceptions masked */
        .zero   576 - 28
        .size   fpu_fresh, . - fpu_fresh

        .section .note.GNU-stack, "", @progbits
