/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU's own random numbers. Relies on arch_cpu_info; called by the kernel's generator. */
#include "arch/arch.h"

bool arch_entropy(uint64_t *value)
{
    uint8_t ok = 0;

    if (arch_cpu_info.has_rdseed)
        __asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=qm"(ok) : : "cc");
    if (!ok && arch_cpu_info.has_rdrand)
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(ok) : : "cc");
    return ok;
}
