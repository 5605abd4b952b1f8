/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64: saves and loads the general registers around code that interrupts a program. For
 * assembler files only: the platforms' upcall and trap entries.
 *
 * The frame, from its lowest address: r15 ... r8, rdi, rsi, rbp, rbx, rdx, rcx, rax. Above it lies
 * what the entry found (flags and return address, or a hardware frame).
 */
#ifndef ARCH_FRAME_H
#define ARCH_FRAME_H

#define ARCH_FRAME_BYTES (15 * 8)
#define ARCH_FRAME_RBP (10 * 8)

        .macro  arch_frame_push
        pushq   %rax
        pushq   %rcx
        pushq   %rdx
        pushq   %rbx
        pushq   %rbp
        pushq   %rsi
        pushq   %rdi
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        .endm

/* Loads every register from the frame at RSP, and RSP stays: only reads memory. */
        .macro  arch_frame_load
        movq    (%rsp), %r15
        movq    8(%rsp), %r14
        movq    16(%rsp), %r13
        movq    24(%rsp), %r12
        movq    32(%rsp), %r11
        movq    40(%rsp), %r10
        movq    48(%rsp), %r9
        movq    56(%rsp), %r8
        movq    64(%rsp), %rdi
        movq    72(%rsp), %rsi
        movq    80(%rsp), %rbp
        movq    88(%rsp), %rbx
        movq    96(%rsp), %rdx
        movq    104(%rsp), %rcx
        movq    112(%rsp), %rax
        .endm

#endif
