/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the CPU enters for exceptions and interrupts: a stub of 16 bytes a vector, then one path
 * into bare_trap (traps.c) with all registers in a struct pv_trap_frame. The IDT gives each entry a
 * stack of its own, so nothing of the interrupted stack is touched.
 */
#include "arch/frame.h"

/* bare.h; asserted in traps.c. */
#define VECTORS 64
#define STUB_BYTES 16
#define WITH_ERROR_CODE (1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 3 << 29)

        .section .text.bare_vectors, "ax", @progbits
        .globl  bare_vectors
        .type   bare_vectors, @function
        .balign STUB_BYTES
bare_vectors:
        .set    vector, 0
        .rept   VECTORS
        .balign STUB_BYTES
        .if     vector >= 32 || (WITH_ERROR_CODE >> vector) & 1 == 0
        pushq   $0
        .endif
        pushq   $vector
        jmp     bare_vector_common
        .set    vector, vector + 1
        .endr
        .size   bare_vectors, . - bare_vectors

        .type   bare_vector_common, @function
bare_vector_common:
        arch_frame_push
        cld
        movq    %rsp, %rdi
        call    bare_trap
        arch_frame_load
        addq    $ARCH_FRAME_BYTES + 16, %rsp
        iretq
        .size   bare_vector_common, . - bare_vector_common

        .section .note.GNU-stack, "", @progbits
