/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Xen enters a PV guest: the start (RSI points to the domain builder's information), exceptions,
 * and events, which become the upcalls of arch/x86_64/upcall.S. And the notes by which Xen and its
 * tools find that out. Xen pushes on the stack in use, whose pointer it aligns down to 16:
 *
 *     rcx, r11, [error code,] rip, cs, rflags, rsp, ss
 *
 * It never skips a red zone, so the image has none (mk/guest.mk). An event is entered with upcalls
 * masked.
 */
#include "arch/frame.h"

/* pv.h, xen.h; asserted in pv_traps.c. */
#define VECTORS 20
#define STUB_BYTES 16
#define WITH_ERROR_CODE (1 << 8 | 0x1f << 10 | 1 << 17)
#define VCPU_RESTART_SP 72

#define RED_ZONE 128
#define UPCALL_FRAME 16                 /* rflags, rip */

#define NOTE_VERSION 5
#define NOTE_GUEST_OS 6
#define NOTE_LOADER 8
#define NOTE_VIRT_BASE 3
#define NOTE_PADDR_OFFSET 4
#define NOTE_ENTRY 1
#define NOTE_FEATURES 10
#define NOTE_SUPPORTED_FEATURES 17
#define FEATURE_DOM0 (1 << 11)

        .macro  note type:req, size:req, value:vararg
        .balign 4
        .long   4, \size, \type
        .asciz  "Xen"
        \value
        .balign 4
        .endm

        .section .note.Xen, "a", @note
        note    NOTE_GUEST_OS, 8, .asciz "Coracle"
        note    NOTE_VERSION, 8, .asciz "xen-3.0"
        note    NOTE_LOADER, 8, .asciz "generic"
        note    NOTE_VIRT_BASE, 8, .quad 0
        note    NOTE_PADDR_OFFSET, 8, .quad 0
        note    NOTE_ENTRY, 8, .quad xen_pv_begin
        note    NOTE_SUPPORTED_FEATURES, 4, .long FEATURE_DOM0

        .section .text.xen_pv_begin, "ax", @progbits
        .globl  xen_pv_begin
        .type   xen_pv_begin, @function
xen_pv_begin:
        movq    $boot_stack_high, %rsp
        xorl    %ebp, %ebp              /* the end of every backtrace */
        cld
        movq    %rsi, %rdi
        call    xen_pv_enter
        ud2
        .size   xen_pv_begin, . - xen_pv_begin

/* Exceptions: a stub of 16 bytes each; RCX and R11 were as Xen pushed them, and still are. */
        .section .text.xen_pv_vectors, "ax", @progbits
        .globl  xen_pv_vectors
        .type   xen_pv_vectors, @function
        .balign STUB_BYTES
xen_pv_vectors:
        .set    vector, 0
        .rept   VECTORS
        .balign STUB_BYTES
        popq    %rcx
        popq    %r11
        .if     (WITH_ERROR_CODE >> vector) & 1 == 0
        pushq   $0
        .endif
        pushq   $vector
        jmp     xen_pv_vector_common
        .set    vector, vector + 1
        .endr
        .size   xen_pv_vectors, . - xen_pv_vectors

        .type   xen_pv_vector_common, @function
xen_pv_vector_common:
        arch_frame_push
        cld
        movq    %rsp, %rdi
        andq    $-16, %rsp
        call    xen_pv_trap
        ud2
        .size   xen_pv_vector_common, . - xen_pv_vector_common

        .globl  xen_pv_failsafe
        .type   xen_pv_failsafe, @function
xen_pv_failsafe:
        andq    $-16, %rsp
        call    xen_pv_failsafe_taken
        ud2
        .size   xen_pv_failsafe, . - xen_pv_failsafe

/*
 * An event: lays the frame that arch_upcall wants (upcall.S). RCX becomes that frame's address and
 * R11 carries values there one by one; the frame may overlap Xen's, upwards of what is still to be
 * read. In the restartable range (upcall.S) Xen has pushed over what lies below the stack pointer:
 *   1. while the registers' frame is at RSP: over the frame record and the FPU area; both are made
 *      again, the second from the live FPU, which has the same contents;
 *   2. with RSP above it, at the flags or past them: over that frame; but by then every register has
 *      its value, so this is as if the upcall came after the return, whose frame stands already, up
 *      to the flags.
 */
#define XEN_RCX 0
#define XEN_R11 8
#define XEN_RIP 16
#define XEN_RFLAGS 32
#define XEN_RSP 40

        .section .text.xen_pv_upcall, "ax", @progbits
        .globl  xen_pv_upcall
        .type   xen_pv_upcall, @function
xen_pv_upcall:
        cld
        movq    XEN_RIP(%rsp), %r11
        movq    XEN_RSP(%rsp), %rcx
        cmpq    $arch_upcall_restart_begin, %r11
        jb      1f
        cmpq    $arch_upcall_restart_end, %r11
        jb      3f
1:      leaq    -(RED_ZONE + UPCALL_FRAME)(%rcx), %rcx
        movq    %r11, 8(%rcx)
2:      movq    XEN_RFLAGS(%rsp), %r11
        movq    %r11, (%rcx)
        movq    XEN_RCX(%rsp), %r11
        movq    %r11, -8(%rcx)
        movq    XEN_R11(%rsp), %r11
        leaq    -8(%rcx), %rsp
        popq    %rcx
        jmp     arch_upcall

3:      subq    xen_vcpu + VCPU_RESTART_SP(%rip), %rcx
        subq    $16, %rcx               /* how far RSP is above the registers' frame */
        jz      4f
        movq    xen_vcpu + VCPU_RESTART_SP(%rip), %r11
        leaq    16 + ARCH_FRAME_BYTES(%r11), %r11
        cmpq    $ARCH_FRAME_BYTES, %rcx
        movq    %r11, %rcx
        jne     2b                      /* the flags are loaded: they are Xen's */
        /* The flags are still where they were: what Xen saved are those of this code. */
        movq    XEN_RCX(%rsp), %r11
        movq    %r11, -8(%rcx)
        movq    XEN_R11(%rsp), %r11
        leaq    -8(%rcx), %rsp
        popq    %rcx
        jmp     arch_upcall

4:      movq    xen_vcpu + VCPU_RESTART_SP(%rip), %rsp
        leaq    16(%rsp), %rsp
        jmp     arch_upcall_again
        .size   xen_pv_upcall, . - xen_pv_upcall

        .section .note.GNU-stack, "", @progbits
