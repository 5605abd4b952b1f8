/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least guest: entered by PVH's note, it leaves through QEMU's exit device at once (status 1).
 * What starting any guest takes beyond QEMU's own start, bench/run measures with it.
 */
        .section .note.Xen, "a", @note
        .balign 4
        .long   4, 8, 18                /* sizes of name and value; PHYS32_ENTRY */
        .asciz  "Xen"
        .quad   tiny_start

        .text
        .code32
        .globl  tiny_start
tiny_start:
        movl    $0x501, %edx
        xorl    %eax, %eax
        outl    %eax, %dx
1:      hlt
        jmp     1b

        .section .note.GNU-stack, "", @progbits
