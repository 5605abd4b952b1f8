/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of a PV guest, and the CPU's set-up. Xen pushes an exception's frame on the stack that
 * was in use, there being no other ring to go to; where that stack has run into its guard page Xen
 * ends the domain itself, and all that tells of it is Xen's own log. Everything else ends in the
 * report that the native monitor would print.
 */
#include "pv.h"

#include <xen/vcpu.h>

#include "arch/arch.h"

#define STUB_BYTES 16u
#define MASK_EVENTS 4u
#define CR4_OSXSAVE (1ull << 18)
#define CR4_FSGSBASE (1ull << 16)
#define XSAVE_X87_SSE_AVX 7ull
#define XCR0_AVX512 0xe0ull

_Static_assert(XEN_PV_VECTORS == 20 && STUB_BYTES == 16, "pv_enter.S");

void xen_pv_trap(struct pv_trap_frame *frame) __attribute__((noreturn));
void xen_pv_failsafe_taken(void) __attribute__((noreturn));

EARLY void xen_pv_traps_start(void)
{
    /* Vectors that Xen hands on; the last entry ends the table. */
    static const uint8_t xen_vectors[] = {0,  1,  3,  4,  5,  6,  7,  9, 10,
                                          11, 12, 13, 14, 16, 17, 18, 19};
    struct trap_info traps[sizeof(xen_vectors) + 1];

    for (unsigned i = 0; i < sizeof(xen_vectors); i++) {
        traps[i] = (struct trap_info){
            .vector = xen_vectors[i],
            .flags = MASK_EVENTS,
            .cs = FLAT_KERNEL_CS,
            .address = (uintptr_t)xen_pv_vectors + xen_vectors[i] * STUB_BYTES,
        };
    }
    traps[sizeof(xen_vectors)] = (struct trap_info){.address = 0};
    if (xen_hypercall(__HYPERVISOR_set_trap_table, (uintptr_t)traps, 0, 0, 0) != 0 ||
        xen_hypercall(__HYPERVISOR_set_callbacks, (uintptr_t)xen_pv_upcall,
                      (uintptr_t)xen_pv_failsafe, 0, 0) != 0)
        xen_crash("Xen does not take the traps' entries", NULL);
}

void xen_pv_trap(struct pv_trap_frame *frame)
{
    pv_report_trap(frame, xen_vcpu.info.arch.cr2);
    xen_crash_end();
}

void xen_pv_failsafe_taken(void)
{
    xen_crash("Xen could not load our segment registers", NULL);
}

/* ---- the CPU ------------------------------------------------------------------------------ */

/* CPUID as Xen wants it to be seen: the prefix makes Xen answer where the CPU would otherwise. */
static EARLY void xen_pv_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4])
{
    __asm__ volatile("ud2a; .ascii \"xen\"; cpuid"
                     : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]),
                       "=d"(registers[3])
                     : "a"(leaf), "c"(subleaf));
}

/* Xen carries moves to and from CR4 and XSETBV out for us. */
static EARLY uint64_t xen_pv_cr4(void)
{
    uint64_t value;

    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

static EARLY void xen_pv_cr4_set(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

static EARLY void xen_pv_xsetbv(uint64_t value)
{
    __asm__ volatile("xsetbv"
                     :
                     : "a"((uint32_t)value), "c"(0), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static EARLY void xen_pv_xsave_start(void)
{
    uint64_t supported, wanted = XSAVE_X87_SSE_AVX;
    uint32_t cpuid[4];

    xen_pv_cpuid(0xd, 0, cpuid);
    supported = cpuid[0] | (uint64_t)cpuid[3] << 32;
    if ((supported & XCR0_AVX512) == XCR0_AVX512)
        wanted |= XCR0_AVX512;
    arch_cpu_info.xcr0 = supported & wanted;
    xen_pv_xsetbv(arch_cpu_info.xcr0);
    xen_pv_cpuid(0xd, 0, cpuid);
    arch_cpu_info.xsave_bytes = cpuid[1];
}

static void pv_thread_pointer_set(void *thread_pointer)
{
    xen_hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, (uintptr_t)thread_pointer, 0, 0);
}

EARLY void xen_pv_cpu_start(void)
{
    uint64_t cr4 = xen_pv_cr4(), wanted = cr4;
    uint32_t cpuid[4], features, leaves;

    xen_pv_cpuid(0, 0, cpuid);
    leaves = cpuid[0];
    xen_pv_cpuid(1, 0, cpuid);
    features = cpuid[2];
    arch_cpu_info.has_rdrand = (features & 1u << 30) != 0;
    if (leaves >= 7) {
        xen_pv_cpuid(7, 0, cpuid);
        arch_cpu_info.has_rdseed = (cpuid[1] & 1u << 18) != 0;
        if (cpuid[1] & 1u)
            wanted |= CR4_FSGSBASE;
    }
    if (features & 1u << 26 && leaves >= 0xd)
        wanted |= CR4_OSXSAVE;
    if (wanted != cr4)
        xen_pv_cr4_set(wanted);
    if (wanted & CR4_OSXSAVE)
        xen_pv_xsave_start();
    if (!(xen_pv_cr4() & CR4_FSGSBASE))
        arch_cpu_info.thread_pointer_set = pv_thread_pointer_set;
    /* The FPU may be ours from the start; Xen saves it when it takes the CPU away. */
    xen_hypercall(__HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0);
}
