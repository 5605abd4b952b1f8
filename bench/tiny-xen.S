/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least guest under Xen, as PV and as PVH guest on an AMD processor: it shuts down at once. What
 * starting any domain takes, bench/xen.py measures with it.
 */
#define SCHED_OP 29
#define SHUTDOWN 2

        .macro  note type
        .balign 4
        .long   4, 2f - 1f, \type       /* sizes of name and value */
        .asciz  "Xen"
1:
        .endm

        .section .note.Xen, "a", @note
        note    1                       /* ENTRY */
        .quad   tiny_start
2:      note    3                       /* VIRT_BASE */
        .quad   0
2:      note    4                       /* PADDR_OFFSET */
        .quad   0
2:      note    5                       /* XEN_VERSION */
        .asciz  "xen-3.0"
2:      note    8                       /* LOADER */
        .asciz  "generic"
2:      note    18                      /* PHYS32_ENTRY */
        .quad   tiny_pvh_start
2:

        .text
        .balign 8
tiny_poweroff:
        .long   0

        .globl  tiny_start
tiny_start:
        movl    $SCHED_OP, %eax
        movl    $SHUTDOWN, %edi
        movl    $tiny_poweroff, %esi
        syscall
1:      jmp     1b

        .code32
        .globl  tiny_pvh_start
tiny_pvh_start:
        movl    $SCHED_OP, %eax
        movl    $SHUTDOWN, %ebx
        movl    $tiny_poweroff, %ecx
        vmmcall
1:      jmp     1b

        .section .note.GNU-stack, "", @progbits
