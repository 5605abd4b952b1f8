/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot loader for tests: itself a PVH program at 64 MiB, it loads its module (QEMU's -initrd), an
 * image of ours, as VMMs do that speak Linux's 64-bit protocol, and enters it at its ELF entry with
 * a zero page in RSI, paging on. The module is the image's RAM disk, too. It trusts what it is given. Words of the
 * command line (spoil=, odd=) make it hand over what a broken one would.
 */
#include <stdint.h>

struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, cmdline, rsdp, memory_map;
    uint32_t memory_map_count, reserved;
};

struct module {
    uint64_t address, bytes, cmdline, reserved;
};

struct range {
    uint64_t address, bytes;
    uint32_t type, reserved;
};

struct program_header {
    uint32_t type, flags;
    uint64_t offset, virtual_address, address, file_bytes, memory_bytes, align;
};

__asm__(".pushsection .note.Xen, \"a\", @note\n"
        ".long 4, 8, 18\n"
        ".asciz \"Xen\"\n"
        ".quad start32\n"
        ".popsection\n"
        ".code32\n"
        ".globl start32\n"
        "start32:\n"
        "movl $stack + 4096, %esp\n"
        "movl $tables + 4096 + 3, tables\n"
        "movl $tables + 8192 + 3, tables + 4096\n"
        "movl $tables + 8192, %edi\n"
        "movl $0x83, %eax\n"
        "movl $512, %ecx\n"
        "1: movl %eax, (%edi)\n"
        "addl $0x200000, %eax\n"
        "addl $8, %edi\n"
        "loop 1b\n"
        "movl $0x20, %eax\n"
        "movl %eax, %cr4\n"
        "movl $tables, %eax\n"
        "movl %eax, %cr3\n"
        "movl $0xc0000080, %ecx\n"
        "rdmsr\n"
        "orl $0x100, %eax\n"
        "wrmsr\n"
        "movl %cr0, %eax\n"
        "orl $0x80000001, %eax\n"
        "movl %eax, %cr0\n"
        "lgdt gdt_pointer\n"
        "ljmp $16, $start64\n"
        ".code64\n"
        "start64:\n"
        "movl $24, %eax\n"
        "movl %eax, %ds\n"
        "movl %eax, %es\n"
        "movl %eax, %ss\n"
        "movl %ebx, %edi\n"
        "call load\n"
        "movq $zero_page, %rsi\n"
        "jmp *%rax\n"
        ".balign 8\n" /* selectors as Linux's protocol has them: code 0x10, data 0x18 */
        "gdt: .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff\n"
        "gdt_pointer: .short 31; .long gdt\n");

uint8_t tables[3 * 4096] __attribute__((aligned(4096)));
uint8_t zero_page[4096] __attribute__((aligned(4096)));
uint8_t stack[4096] __attribute__((aligned(4096)));

static void copy(void *to, const void *from, uint64_t bytes)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static void put(unsigned at, uint64_t value, unsigned bytes)
{
    copy(zero_page + at, &value, bytes);
}

static int says(const char *cmdline, const char *word)
{
    for (; *cmdline; cmdline++) {
        unsigned i = 0;

        while (word[i] && cmdline[i] == word[i])
            i++;
        if (!word[i])
            return 1;
    }
    return 0;
}

static void map_put(unsigned i, uint64_t address, uint64_t bytes, uint32_t type)
{
    put(0x2d0 + 20 * i, address, 8);
    put(0x2d8 + 20 * i, bytes, 8);
    put(0x2e0 + 20 * i, type, 4);
}

/* What the command line asks for is wrong with the zero page, or odd. */
static void spoil(const char *cmdline, const struct module *module)
{
    static uint8_t no_root[36] = "RSD PTR ";

    if (says(cmdline, "spoil=root"))
        put(0x70, (uint64_t)no_root, 8);
    if (says(cmdline, "spoil=far-root"))
        put(0x70, 0x7ffffffff000, 8);
    if (says(cmdline, "spoil=module-far"))
        put(0xc0, 0x7fff, 4);
    if (says(cmdline, "spoil=module-image"))
        put(0x218, 0x100000, 4);
    if (says(cmdline, "spoil=module-long"))
        put(0xc4, 1, 4);
    if (says(cmdline, "spoil=no-map"))
        put(0x1e8, 0, 1);
    if (says(cmdline, "spoil=no-ram-here"))
        map_put(0, 0x2000000, 0x1000000, 1), put(0x1e8, 1, 1);
    if (says(cmdline, "spoil=little"))
        map_put(0, 0x100000, 0x40000, 1), put(0x1e8, 1, 1);
    if (!says(cmdline, "odd=map"))
        return;
    /* Not in order, overlapping, with holes, empty, beyond the end, and with RAM that is none. */
    map_put(0, 0x3000000, 0x800000, 1);
    map_put(1, 0x100000, 0x280000, 1);
    map_put(2, 0x3400000, 0x800000, 1);
    map_put(3, 0x300000, 0x200000, 1);
    map_put(4, 0x3500000, 0x1000, 2);
    map_put(5, UINT64_MAX - 10, 100, 1);
    map_put(6, 0x800000, 0, 1);
    map_put(7, 0x600001, 0xfffe, 1);
    map_put(8, 0x800000, 0x100800, 1);
    map_put(9, module->address & -4096ull, (module->bytes + 8191) & -4096ull, 1);
    put(0x1e8, 10, 1);
}

uint64_t load(const struct start_info *info)
{
    const uint8_t *elf = (const uint8_t *)((const struct module *)info->modules)->address;
    const struct program_header *header = (const struct program_header *)(elf +
                                                                          *(const uint64_t *)(elf +
                                                                                              32));
    const struct range *range = (const struct range *)info->memory_map;

    for (unsigned i = 0; i < *(const uint16_t *)(elf + 56); i++, header++) {
        uint8_t *to = (uint8_t *)header->address;

        if (header->type != 1)
            continue;
        for (uint64_t j = 0; j < header->memory_bytes; j++)
            to[j] = 0;
        copy(to, elf + header->offset, header->file_bytes);
    }
    put(0x70, info->rsdp, 8);
    put(0x218, ((const struct module *)info->modules)->address, 4);
    put(0x21c, ((const struct module *)info->modules)->bytes, 4);
    put(0x1e8, info->memory_map_count, 1);
    put(0x1fe, 0xaa55, 2);
    put(0x202, 0x53726448, 4);
    put(0x228, info->cmdline, 4);
    put(0x238, 4095, 4);
    for (unsigned i = 0; i < info->memory_map_count; i++) {
        put(0x2d0 + 20 * i, range[i].address, 8);
        put(0x2d8 + 20 * i, range[i].bytes, 8);
        put(0x2e0 + 20 * i, range[i].type, 4);
    }
    spoil((const char *)info->cmdline, (const struct module *)info->modules);
    return *(const uint64_t *)(elf + 24);
}
