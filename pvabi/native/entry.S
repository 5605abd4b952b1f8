/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native entry point and the note by which the monitor finds it (pvabi/native.h, struct
 * pvn_note). Entered in ring 3 with RDI pointing to the boot record and no stack.
 */

/* pvabi/native.h; asserted in boot.c. */
#define NOTE_NAME "Coracle"
#define NOTE_TYPE 1
#define ABI_VERSION 1

        .section .note.coracle, "a", @note
        .balign 4
        .long   2f - 1f
        .long   4f - 3f
        .long   NOTE_TYPE
1:      .asciz  NOTE_NAME
2:      .balign 4
3:      .long   ABI_VERSION
        .long   0
        .quad   pv_native_start
        .quad   image_least_memory_bytes
4:

        .section .text.entry.native, "ax", @progbits
        .globl  pv_native_start
        .type   pv_native_start, @function
pv_native_start:
        movq    $boot_stack_high, %rsp
        xorl    %ebp, %ebp              /* the end of every backtrace */
        call    native_start            /* RDI still holds the boot record */
        ud2
        .size   pv_native_start, . - pv_native_start

        .section .note.GNU-stack, "", @progbits
