/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code that the monitor copies into the guest's stub page and that runs there in ring 0; never run
 * by the monitor itself. Position-independent, given that the system page lies directly before the
 * stub page. Some hosts emulate ring 0, so there is as little as can be.
 */
#include "stubs.h"

#define LIST (stubs_begin - 4096 + SYSTEM_LIST)

    .section .rodata
    .code64

/*
 * One stub for each exception: a single OUT, which changes no register. The monitor reads the
 * vector from RIP, the interrupted state from the frame at RSP, and everything else from the
 * registers.
 */
    .balign 16
    .globl stubs_begin
stubs_begin:
    .rept STUB_VECTORS
    .balign STUB_BYTES
    outb %al, $PORT_TRAP
    hlt
    .endr

/*
 * The page-table writer. Stores made inside the guest are the only ones that every KVM notices,
 * also one that keeps shadow page tables. It applies the list, asks for the next part if there is
 * more, makes the TLB forget by reloading CR3 (no entry is global), and goes back to where the
 * interrupt came from.
 */
    .balign 16
    .globl stubs_writer
stubs_writer:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
1:  leaq LIST(%rip), %rsi
    movq (%rsi), %rcx
2:  addq $16, %rsi
    movq (%rsi), %rdx
    movq 8(%rsi), %rax
    movq %rax, (%rdx)
    decq %rcx
    jnz 2b
    cmpq $0, LIST + 8(%rip)
    je 3f
    outb %al, $PORT_MORE
    jmp 1b
3:  movq %cr3, %rax
    movq %rax, %cr3
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    iretq
    .globl stubs_end
stubs_end:

    .section .note.GNU-stack, "", @progbits
