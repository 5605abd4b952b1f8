/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the guest's CPUID table from the host's, of which it asks six leaves: under another hypervisor
 * each CPUID instruction is an exit, and KVM_GET_SUPPORTED_CPUID, which asks them all, takes half a
 * millisecond. Each leaf is masked with a list of what ring 3 may use, so that nothing of
 * virtualization, of debugging or of power management shows, and nothing new comes in by itself.
 */
#include "cpuid_table.h"

#include <cpuid.h>
#include <stdbool.h>

/* Leaf 1, EDX: FPU TSC MSR PAE CX8 CMOV PAT CLFSH MMX FXSR SSE SSE2. KVM wants MSR, PAE, PAT. */
#define LEAF1_EDX 0x07898171u
/* Leaf 1, ECX: SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE OSXSAVE AVX F16C
 * RDRAND. */
#define LEAF1_ECX 0x7ed83203u
#define LEAF1_ECX_AVX_PARTS 0x30001000u /* AVX F16C FMA */
#define LEAF1_ECX_XSAVE (1u << 26)
#define LEAF1_ECX_OSXSAVE (1u << 27)
#define LEAF1_ECX_AVX (1u << 28)
#define LEAF1_ECX_RDRAND (1u << 30)
/* Leaf 7, EBX: FSGSBASE BMI1 AVX2 BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB SHA. */
#define LEAF7_EBX 0x218c0329u
#define LEAF7_EBX_FSGSBASE (1u << 0)
#define LEAF7_EBX_AVX2 (1u << 5)
#define LEAF7_EBX_RDSEED (1u << 18)
/* Leaf 7, ECX: GFNI VAES VPCLMUL RDPID. EDX: FSRM. */
#define LEAF7_ECX 0x00400700u
#define LEAF7_ECX_AVX_PARTS 0x00000600u
#define LEAF7_EDX 0x00000010u
#define LEAFD1_EAX_XSAVEOPT (1u << 0)
/* Extended leaf 1, EDX: NX, RDTSCP, LM. ECX: LAHF, LZCNT, SSE4a, MISALIGNSSE, PREFETCHW. */
#define EXTENDED1_EDX 0x28100000u
#define EXTENDED1_ECX 0x000001e1u

#define XCR0_X87_SSE 3ull
#define XCR0_AVX 4ull
#define XSAVE_LEGACY_BYTES 576u
#define XSAVE_AVX_BYTES 832u /* fixed by the architecture for the standard format */

static struct kvm_cpuid_entry2 *add_leaf(struct cpuid_table *table, uint32_t leaf, bool indexed)
{
    struct kvm_cpuid_entry2 *entry = &table->entries[table->head.nent++];

    *entry = (struct kvm_cpuid_entry2){.function = leaf,
                                       .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0};
    return entry;
}

static void copy_host(struct kvm_cpuid_entry2 *entry, uint32_t leaf, uint32_t index)
{
    __cpuid_count(leaf, index, entry->eax, entry->ebx, entry->ecx, entry->edx);
}

/*
 * AVX is offered, AVX-512 and what came later are not: the guest saves all of XCR0's state at every
 * preemption and for every thread, 832 bytes instead of 2,700 or more. Leaf 0xD.1 is left out: what
 * it says (XSAVEOPT) stands in the boot record, and KVM would execute CPUID itself to fill it in.
 */
static void add_extended_state(struct cpuid_table *table, bool avx, struct pvn_cpu_x86_64 *facts)
{
    struct kvm_cpuid_entry2 *entry = add_leaf(table, 0xd, true), host;

    facts->xcr0 = avx ? XCR0_X87_SSE | XCR0_AVX : XCR0_X87_SSE;
    facts->xsave_bytes = avx ? XSAVE_AVX_BYTES : XSAVE_LEGACY_BYTES;
    entry->eax = (uint32_t)facts->xcr0;
    entry->ebx = entry->ecx = facts->xsave_bytes;
    copy_host(&host, 0xd, 1);
    if (host.eax & LEAFD1_EAX_XSAVEOPT)
        facts->features |= PVN_CPU_XSAVEOPT;
}

const char *cpuid_table_make(struct cpuid_table *table, struct pvn_cpu_x86_64 *facts)
{
    struct kvm_cpuid_entry2 *entry, *leaf1;

    uint32_t highest;

    table->head = (struct kvm_cpuid2){0};
    *facts = (struct pvn_cpu_x86_64){0};
    entry = add_leaf(table, 0, false);
    __cpuid(0, highest, entry->ebx, entry->ecx, entry->edx);
    if (highest < 7)
        return "CPUID leaf 7";
    entry->eax = 0xd;

    leaf1 = add_leaf(table, 1, false);
    copy_host(leaf1, 1, 0);
    leaf1->ebx &= 0x0000ff00; /* CLFLUSH line size; no APIC id, one logical CPU */
    leaf1->ecx &= LEAF1_ECX;
    leaf1->edx &= LEAF1_EDX;
    if (!(leaf1->ecx & LEAF1_ECX_XSAVE) || !(leaf1->ecx & LEAF1_ECX_OSXSAVE))
        return "XSAVE";
    bool avx = leaf1->ecx & LEAF1_ECX_AVX;
    if (!avx)
        leaf1->ecx &= ~LEAF1_ECX_AVX_PARTS;
    if (leaf1->ecx & LEAF1_ECX_RDRAND)
        facts->features |= PVN_CPU_RDRAND;

    entry = add_leaf(table, 7, true);
    copy_host(entry, 7, 0);
    entry->eax = 0;
    entry->ebx &= avx ? LEAF7_EBX : LEAF7_EBX & ~LEAF7_EBX_AVX2;
    entry->ecx &= avx ? LEAF7_ECX : LEAF7_ECX & ~LEAF7_ECX_AVX_PARTS;
    entry->edx &= LEAF7_EDX;
    if (!(entry->ebx & LEAF7_EBX_FSGSBASE))
        return "FSGSBASE";
    if (entry->ebx & LEAF7_EBX_RDSEED)
        facts->features |= PVN_CPU_RDSEED;

    add_extended_state(table, avx, facts);

    entry = add_leaf(table, 0x80000000, false);
    entry->eax = 0x80000008;
    entry = add_leaf(table, 0x80000001, false);
    copy_host(entry, 0x80000001, 0);
    entry->eax = entry->ebx = 0;
    entry->ecx &= EXTENDED1_ECX;
    entry->edx &= EXTENDED1_EDX;
    entry = add_leaf(table, 0x80000008, false);
    copy_host(entry, 0x80000008, 0);
    entry->eax &= 0xffff; /* address widths */
    entry->ebx = entry->ecx = entry->edx = 0;
    return NULL;
}
