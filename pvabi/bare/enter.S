/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry points of the ring-0 platform: PVH and multiboot 2 (32-bit, no paging; a pointer in
 * EBX), Linux's 64-bit protocol (the VMM's page tables; a pointer in RSI). All reach pv_start
 * (pvabi/probe.h) in long mode on the boot stack, with interrupts off, memory mapped one to one
 * from 0 to BARE_EARLY_BYTES at least, and SSE switched on. Relies on .bss being zero.
 */

/* pvabi/probe.h; asserted in setup.c. */
#define ENTRY_PVH 1
#define ENTRY_LINUX64 2
#define ENTRY_MULTIBOOT2 3

#define MULTIBOOT2_HEADER 0xe85250d6
#define MULTIBOOT2_LOADER 0x36d76289

#define CR0_SET (1 << 0 | 1 << 1 | 1 << 5 | 1 << 16)     /* PE, MP, NE, WP */
#define CR0_CLEAR (1 << 2 | 1 << 3 | 1 << 29 | 1 << 30)  /* EM, TS, NW, CD */
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define CR4_SSE (1 << 9 | 1 << 10)                       /* OSFXSR, OSXMMEXCPT */
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define LONG_MODE (1 << 29)                              /* CPUID 0x80000001, EDX */
#define LARGE 0x83                                       /* present, writable, 2 MiB */
#define TABLE 0x03

/* Of the entries of one page directory, 1 GiB. */
#define ENTRIES 512

        .section .note.Xen, "a", @note
        .balign 4
        .long   2f - 1f
        .long   4f - 3f
        .long   18                      /* XEN_ELFNOTE_PHYS32_ENTRY */
1:      .asciz  "Xen"
2:      .balign 4
3:      .quad   pv_pvh_start
4:

        /* Within the first 32 KiB of the file (image.lds). */
        .section .text.multiboot2, "ax", @progbits
        .balign 8
bare_multiboot2_header:
        .long   MULTIBOOT2_HEADER
        .long   0                       /* i386 */
        .long   3f - bare_multiboot2_header
        .long   -(MULTIBOOT2_HEADER + (3f - bare_multiboot2_header))
        .short  3, 0                    /* entry address */
        .long   12
        .long   pv_multiboot2_start
        .long   0
        .short  6, 1                    /* modules page-aligned; optional */
        .long   8
        .short  0, 0
        .long   8
3:

        .section .text.bare_enter, "ax", @progbits
        .code32
        .globl  pv_pvh_start
        .type   pv_pvh_start, @function
pv_pvh_start:
        movl    $ENTRY_PVH, %edi
        movl    $ENTRIES, %ebp
        jmp     bare_enter32
        .size   pv_pvh_start, . - pv_pvh_start

        .globl  pv_multiboot2_start
        .type   pv_multiboot2_start, @function
pv_multiboot2_start:
        movl    $ENTRY_MULTIBOOT2, %edi
        movl    $4 * ENTRIES, %ebp      /* GRUB's information may be anywhere */
        cmpl    $MULTIBOOT2_LOADER, %eax
        je      bare_enter32
        xorl    %ebx, %ebx
        .size   pv_multiboot2_start, . - pv_multiboot2_start

        .type   bare_enter32, @function
bare_enter32:
        cli
        cld
        movl    $boot_stack_high, %esp
        movl    %ebx, %esi
        /* Memory that ends within the image holds no tables and no stack. */
        movl    $TABLE, bare_early_pml4
        cmpl    $TABLE, bare_early_pml4
        jne     bare_no_memory
        movl    $TABLE, boot_stack_high - 8
        cmpl    $TABLE, boot_stack_high - 8
        jne     bare_no_memory
        movl    $0x80000000, %eax
        cpuid
        cmpl    $0x80000001, %eax
        jb      bare_no_long_mode
        movl    $0x80000001, %eax
        cpuid
        testl   $LONG_MODE, %edx
        jz      bare_no_long_mode

        movl    $bare_early_pdpt + TABLE, bare_early_pml4
        movl    $bare_early_pd + TABLE, %eax
        movl    $bare_early_pdpt, %edx
        movl    $4, %ecx
1:      movl    %eax, (%edx)
        addl    $4096, %eax
        addl    $8, %edx
        decl    %ecx
        jnz     1b
        movl    $LARGE, %eax
        movl    $bare_early_pd, %edx
2:      movl    %eax, (%edx)
        addl    $0x200000, %eax
        addl    $8, %edx
        decl    %ebp
        jnz     2b

        movl    %cr4, %eax
        orl     $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $bare_early_pml4, %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    %cr0, %eax
        andl    $~CR0_CLEAR, %eax
        orl     $CR0_SET | CR0_PG, %eax
        movl    %eax, %cr0
        lgdt    bare_early_gdt_pointer
        ljmp    $8, $bare_enter64

/* Nothing of ours runs there: says so wherever there is a console, without a stack, and ends. */
bare_no_memory:
        movl    $bare_no_memory_text, %esi
        movl    $.Lno_memory_end - bare_no_memory_text, %ecx
        jmp     3f
bare_no_long_mode:
        movl    $bare_no_long_mode_text, %esi
        movl    $.Lno_long_mode_end - bare_no_long_mode_text, %ecx
3:      lodsb
        outb    %al, $0xe9
        movw    $0x3f8, %dx
        outb    %al, %dx
        loop    3b
        movw    $0x501, %dx
        movl    $134, %eax
        outl    %eax, %dx
        movb    $0xfe, %al              /* the keyboard controller's reset */
        outb    %al, $0x64
4:      hlt
        jmp     4b
        .size   bare_enter32, . - bare_enter32

/* Beside the code that says them: there may be no memory further up. */
        .type   bare_no_long_mode_text, @object
bare_no_long_mode_text:
        .ascii  "crash: this CPU has no 64-bit mode\n"
.Lno_long_mode_end:
        .size   bare_no_long_mode_text, . - bare_no_long_mode_text
        .type   bare_no_memory_text, @object
bare_no_memory_text:
        .ascii  "crash: too little memory for the image\n"
.Lno_memory_end:
        .size   bare_no_memory_text, . - bare_no_memory_text

        .code64
        .globl  pv_linux64_start
        .type   pv_linux64_start, @function
pv_linux64_start:
        cli
        cld
        movq    $boot_stack_high, %rsp
        movl    $ENTRY_LINUX64, %edi
        lgdt    bare_early_gdt_pointer
        pushq   $8
        pushq   $bare_enter64
        lretq
        .size   pv_linux64_start, . - pv_linux64_start

        .type   bare_enter64, @function
bare_enter64:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %fs
        movl    %eax, %gs
        movq    %cr0, %rax
        andl    $~CR0_CLEAR, %eax
        orl     $CR0_SET | CR0_PG, %eax
        movq    %rax, %cr0
        movq    %cr4, %rax
        orl     $CR4_SSE, %eax
        movq    %rax, %cr4
        fninit
        movq    $boot_stack_high, %rsp
        xorl    %ebp, %ebp              /* the end of every backtrace */
        call    pv_start                /* RDI: the entry, RSI: its argument */
        ud2
        .size   bare_enter64, . - bare_enter64

        .section .rodata.bare_enter, "a", @progbits
        .balign 8
/* The accessed bits are set, so the CPU writes nothing here. */
bare_early_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 8: code, 64-bit */
        .quad   0x00cf93000000ffff      /* 16: data */
bare_early_gdt_end:
bare_early_gdt_pointer:
        .short  bare_early_gdt_end - bare_early_gdt - 1
        .quad   bare_early_gdt

        .section .bss.bare_early, "aw", @nobits
        .balign 4096
bare_early_pml4:
        .zero   4096
bare_early_pdpt:
        .zero   4096
bare_early_pd:
        .zero   4 * 4096

        .section .note.GNU-stack, "", @progbits
