/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions of ring 0, one inline function each. For pvabi/bare only.
 */
#ifndef BARE_CPU_H
#define BARE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define BARE_RFLAGS_IF (1u << 9)

#define BARE_INLINE static inline __attribute__((always_inline))

BARE_INLINE void bare_outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

BARE_INLINE void bare_outw(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

BARE_INLINE void bare_outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

BARE_INLINE uint8_t bare_inb(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

BARE_INLINE uint16_t bare_inw(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

BARE_INLINE uint32_t bare_inl(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

BARE_INLINE void bare_outsb(uint16_t port, const char *data, uint64_t bytes)
{
    __asm__ volatile("rep outsb" : "+S"(data), "+c"(bytes) : "d"(port) : "memory");
}

BARE_INLINE void bare_stosq(uint64_t *to, uint64_t value, uint64_t count)
{
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

BARE_INLINE bool bare_interrupts_on(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
    return (flags & 0x200u) != 0;
}

BARE_INLINE uint64_t bare_rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

BARE_INLINE void bare_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

BARE_INLINE void bare_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]),
                       "=d"(registers[3])
                     : "a"(leaf), "c"(subleaf));
}

BARE_INLINE uint64_t bare_cr2(void)
{
    uint64_t value;

    __asm__ volatile("movq %%cr2, %0" : "=r"(value));
    return value;
}

BARE_INLINE void bare_cr3_set(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(value) : "memory");
}

BARE_INLINE uint64_t bare_cr4(void)
{
    uint64_t value;

    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

BARE_INLINE void bare_cr4_set(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

BARE_INLINE void bare_xsetbv(uint64_t value)
{
    __asm__ volatile("xsetbv"
                     :
                     : "a"((uint32_t)value), "c"(0), "d"((uint32_t)(value >> 32))
                     : "memory");
}

BARE_INLINE void bare_invlpg(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

BARE_INLINE void bare_cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

BARE_INLINE void bare_sti(void)
{
    __asm__ volatile("sti" : : : "memory");
}

/* Were interrupts on? They are off then. */
BARE_INLINE bool bare_cli_save(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    return (flags & BARE_RFLAGS_IF) != 0;
}

/* An interrupt between the two instructions is taken after HLT began: STI acts one later. */
BARE_INLINE void bare_sti_hlt(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}

BARE_INLINE void bare_hlt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

#define BARE_MSR_APIC_BASE 0x1bu
#define BARE_MSR_TSC_DEADLINE 0x6e0u
#define BARE_MSR_X2APIC 0x800u
#define BARE_MSR_EFER 0xc0000080u
#define BARE_MSR_FS_BASE 0xc0000100u
#define BARE_EFER_NXE (1ull << 11)
#define BARE_CR4_FSGSBASE (1ull << 16)
#define BARE_CR4_OSXSAVE (1ull << 18)

#endif
