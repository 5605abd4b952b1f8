/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switches between two threads. Only what a C function must preserve is saved: a thread that an
 * upcall interrupted has the rest, the vector registers included, in the upcall's own frame below
 * on the same stack. Called by the kernel's scheduler with upcalls masked.
 */
        .text

/* void arch_context_switch(struct arch_context *from, const struct arch_context *to) */
        .globl  arch_context_switch
        .type   arch_context_switch, @function
arch_context_switch:
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        subq    $8, %rsp
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %rsp, (%rdi)

        movq    (%rsi), %rsp
        fldcw   4(%rsp)
        ldmxcsr (%rsp)
        addq    $8, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .size   arch_context_switch, . - arch_context_switch

/* A new thread arrives here: context.c laid its first frame. The stack is 16-byte aligned. */
        .globl  arch_context_begin
        .type   arch_context_begin, @function
arch_context_begin:
        movq    %r13, %rdi
        call    *%r12
        ud2
        .size   arch_context_begin, . - arch_context_begin

        .section .note.GNU-stack, "", @progbits
