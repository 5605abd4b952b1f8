/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills every register with patterns, spins, and says what is left of them: whoever interrupts the
 * spinning must leave no trace. x86-64, System V ABI. Shared by the test of the upcall code on the
 * host, which defines PATTERN_RED_ZONE to have the red zone looked at, too, and the one in a guest,
 * where there is none; struct pattern is in pattern.h.
 *
 *     void pattern_run(const struct pattern *in, struct pattern *out, uint64_t spins,
 *                      uint64_t flags)
 *
 * `flags` are set in RFLAGS meanwhile (the trap flag, for one).
 */
#define P_MXCSR 112
#define P_FCW 116
#define P_XMM 128
#define P_X87 384
#define P_RED_ZONE 512
#define P_RFLAGS 640

#define F_IN 0
#define F_OUT 8
#define F_SPINS 16
#define F_FCW 24
#define F_MXCSR 28
#define F_GPR 32
#define F_BYTES (F_GPR + 14 * 8 + 8)

        .macro  each_xmm first
        \first  0
        \first  1
        \first  2
        \first  3
        \first  4
        \first  5
        \first  6
        \first  7
        \first  8
        \first  9
        \first  10
        \first  11
        \first  12
        \first  13
        \first  14
        \first  15
        .endm
        .macro  xmm_load number
        movdqu  P_XMM + 16 * \number(%rdi), %xmm\number
        .endm
        .macro  xmm_store number
        movdqu  %xmm\number, P_XMM + 16 * \number(%rdi)
        .endm

        .text
        .globl  pattern_run, pattern_run_end
        .type   pattern_run, @function
pattern_run:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        subq    $F_BYTES, %rsp
        movq    %rdi, F_IN(%rsp)
        movq    %rsi, F_OUT(%rsp)
        movq    %rdx, F_SPINS(%rsp)
        fnstcw  F_FCW(%rsp)
        stmxcsr F_MXCSR(%rsp)
        pushfq
        orq     %rcx, (%rsp)
        popfq

#ifdef PATTERN_RED_ZONE
        leaq    -128(%rsp), %rdi
        movl    $16, %ecx
        movabsq $0x5aa55aa55aa55aa5, %rax
        rep stosq
#endif
        movq    F_IN(%rsp), %rdi
        fninit
        fldcw   P_FCW(%rdi)
        ldmxcsr P_MXCSR(%rdi)
        fldpi
        fld1
        fldl2e
        fldl2t
        fldlg2
        fldln2
        fldz
        fldpi
        each_xmm xmm_load
        movq    F_SPINS(%rsp), %r15
        movq    0(%rdi), %rax
        movq    8(%rdi), %rcx
        movq    16(%rdi), %rdx
        movq    24(%rdi), %rbx
        movq    32(%rdi), %rbp
        movq    40(%rdi), %rsi
        movq    56(%rdi), %r8
        movq    64(%rdi), %r9
        movq    72(%rdi), %r10
        movq    80(%rdi), %r11
        movq    88(%rdi), %r12
        movq    96(%rdi), %r13
        movq    104(%rdi), %r14
        movq    48(%rdi), %rdi
        stc
        std
1:      decq    %r15                    /* leaves the carry flag alone */
        jnz     1b

        movq    %rax, F_GPR(%rsp)
        movq    %rcx, F_GPR + 8(%rsp)
        movq    %rdx, F_GPR + 16(%rsp)
        movq    %rbx, F_GPR + 24(%rsp)
        movq    %rbp, F_GPR + 32(%rsp)
        movq    %rsi, F_GPR + 40(%rsp)
        movq    %rdi, F_GPR + 48(%rsp)
        movq    %r8, F_GPR + 56(%rsp)
        movq    %r9, F_GPR + 64(%rsp)
        movq    %r10, F_GPR + 72(%rsp)
        movq    %r11, F_GPR + 80(%rsp)
        movq    %r12, F_GPR + 88(%rsp)
        movq    %r13, F_GPR + 96(%rsp)
        movq    %r14, F_GPR + 104(%rsp)
        movq    F_OUT(%rsp), %rdi
        leaq    -136(%rsp), %rsp        /* keeps the flags, and steps over the red zone */
        pushfq
        popq    P_RFLAGS(%rdi)
        leaq    136(%rsp), %rsp
        cld
#ifdef PATTERN_RED_ZONE
        leaq    P_RED_ZONE(%rdi), %rdi
        leaq    -128(%rsp), %rsi
        movl    $16, %ecx
        rep movsq
#endif
        movq    F_OUT(%rsp), %rdi
        leaq    F_GPR(%rsp), %rsi
        movl    $14, %ecx
        rep movsq
        movq    F_OUT(%rsp), %rdi
        each_xmm xmm_store
        stmxcsr P_MXCSR(%rdi)
        fnstcw  P_FCW(%rdi)
        fstpt   P_X87(%rdi)
        fstpt   P_X87 + 16(%rdi)
        fstpt   P_X87 + 32(%rdi)
        fstpt   P_X87 + 48(%rdi)
        fstpt   P_X87 + 64(%rdi)
        fstpt   P_X87 + 80(%rdi)
        fstpt   P_X87 + 96(%rdi)
        fstpt   P_X87 + 112(%rdi)
        fldcw   F_FCW(%rsp)
        ldmxcsr F_MXCSR(%rsp)
        pushfq
        andq    $~0x100, (%rsp)
        popfq
pattern_run_end:
        addq    $F_BYTES, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
        .size   pattern_run, . - pattern_run

        .section .note.GNU-stack, "", @progbits
