/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64: the inline parts of arch.h. Everything here may be executed in ring 3. Included through
 * arch/arch.h only.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdint.h>

/* The cycle counter, not ordered against other instructions. */
static inline uint64_t arch_cycles(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* The cycle counter, read after every earlier load has its value. */
static inline uint64_t arch_cycles_ordered(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* The running thread's pointer: the first word of its control block. */
static inline void *arch_thread_pointer(void)
{
    void *pointer;

    __asm__("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

/* Stops the compiler only: for memory shared with code that interrupts this vCPU. */
static inline void arch_barrier_compiler(void)
{
    __asm__ volatile("" : : : "memory");
}

/* Earlier loads before later loads; earlier stores before later stores; everything. x86 reorders
 * only a store with a later load. */
static inline void arch_barrier_read(void)
{
    __asm__ volatile("" : : : "memory");
}

static inline void arch_barrier_write(void)
{
    __asm__ volatile("" : : : "memory");
}

static inline void arch_barrier_full(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* In a loop that waits for memory to change. */
static inline void arch_pause(void)
{
    __asm__ volatile("pause");
}

#endif
