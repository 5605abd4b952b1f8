/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes the instruction that its argument names: none of them is for ring 3 on the native
 * interface, so each ends the VM (tests/e2e/monitor.py goes through the list). Without an argument
 * it prints the names. The build refuses images with such instructions, so each is hidden in the
 * immediate operand of a MOVABS, which is jumped into.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HIDDEN(name, bytes)                                                       \
    static void do_##name(void)                                                   \
    {                                                                             \
        __asm__ volatile("jmp 1f + 2\n"                                           \
                         "1: .byte 0x48, 0xb8, " bytes ", 0x90, 0x90, 0x90, 0x90" \
                         :                                                        \
                         :                                                        \
                         : "rax", "rcx", "rdx", "memory", "cc");                  \
    }

/* Four bytes each. */
HIDDEN(cli, "0xfa, 0x90, 0x90, 0x90")
HIDDEN(sti, "0xfb, 0x90, 0x90, 0x90")
HIDDEN(hlt, "0xf4, 0x90, 0x90, 0x90")
HIDDEN(int_0x20, "0xcd, 0x20, 0x90, 0x90")
HIDDEN(int_0x80, "0xcd, 0x80, 0x90, 0x90")
HIDDEN(int_14, "0xcd, 0x0e, 0x90, 0x90")
HIDDEN(int1, "0xf1, 0x90, 0x90, 0x90")
HIDDEN(int3, "0xcc, 0x90, 0x90, 0x90")
HIDDEN(syscall, "0x0f, 0x05, 0x90, 0x90")
HIDDEN(sysenter, "0x0f, 0x34, 0x90, 0x90")
HIDDEN(iretq, "0x48, 0xcf, 0x90, 0x90")
HIDDEN(in_port, "0xe4, 0x60, 0x90, 0x90")
HIDDEN(out_port, "0xe6, 0x70, 0x90, 0x90")
HIDDEN(out_trap_port, "0xe6, 0x10, 0x90, 0x90")
HIDDEN(read_cr3, "0x0f, 0x20, 0xd8, 0x90")
HIDDEN(write_cr0, "0x0f, 0x22, 0xc0, 0x90")
HIDDEN(write_cr3, "0x0f, 0x22, 0xd8, 0x90")
HIDDEN(write_cr4, "0x0f, 0x22, 0xe0, 0x90")
HIDDEN(write_dr7, "0x0f, 0x23, 0xf8, 0x90")
HIDDEN(invlpg, "0x0f, 0x01, 0x3c, 0x24")
HIDDEN(lgdt, "0x0f, 0x01, 0x14, 0x24")
HIDDEN(lidt, "0x0f, 0x01, 0x1c, 0x24")
HIDDEN(lldt, "0x0f, 0x00, 0xd0, 0x90")
HIDDEN(ltr, "0x0f, 0x00, 0xd8, 0x90")
HIDDEN(rdmsr, "0x0f, 0x32, 0x90, 0x90")
HIDDEN(wrmsr, "0x0f, 0x30, 0x90, 0x90")
HIDDEN(xsetbv, "0x0f, 0x01, 0xd1, 0x90")
HIDDEN(swapgs, "0x0f, 0x01, 0xf8, 0x90")
HIDDEN(clts, "0x0f, 0x06, 0x90, 0x90")
HIDDEN(wbinvd, "0x0f, 0x09, 0x90, 0x90")

static void do_read_non_canonical(void)
{
    __asm__ volatile("movq (%0), %%rax" ::"r"(0x8000000000000000ull) : "rax");
}

static void do_jump_high(void)
{
    __asm__ volatile("jmpq *%0" ::"r"(0xffffffff80000000ull));
}

static void do_bad_stack(void)
{
    __asm__ volatile("movq %0, %%rsp\npushq %%rax" ::"r"(0x8000000000000000ull) : "memory");
}

static const struct {
    const char *name;
    void (*execute)(void);
} instructions[] = {
#define ROW(name)        \
    {                    \
#name, do_##name \
    }
    ROW(cli),       ROW(sti),       ROW(hlt),
    ROW(int_0x20),  ROW(int_0x80),  ROW(int_14),
    ROW(int1),      ROW(int3),      ROW(syscall),
    ROW(sysenter),  ROW(iretq),     ROW(in_port),
    ROW(out_port),  ROW(read_cr3),  ROW(out_trap_port),
    ROW(write_cr0), ROW(write_cr3), ROW(write_cr4),
    ROW(write_dr7), ROW(invlpg),    ROW(lgdt),
    ROW(lidt),      ROW(lldt),      ROW(ltr),
    ROW(rdmsr),     ROW(wrmsr),     ROW(xsetbv),
    ROW(swapgs),    ROW(clts),      ROW(wbinvd),
    ROW(jump_high), ROW(bad_stack), ROW(read_non_canonical),
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof instructions / sizeof instructions[0]; i++) {
        if (argc < 2)
            puts(instructions[i].name);
        else if (!strcmp(argv[1], instructions[i].name))
            instructions[i].execute();
    }
    puts(argc < 2 ? "ok" : "went on");
    return 0;
}
