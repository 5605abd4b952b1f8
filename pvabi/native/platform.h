/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native platform's parts among each other: hypercalls, the vCPU's shared page, devices. For
 * pvabi/native and the table in probe.c.
 */
#ifndef NATIVE_PLATFORM_H
#define NATIVE_PLATFORM_H

#include "pvabi/native.h"
#include "pvabi/probe.h"

extern const struct pv_hypervisor native_hypervisor; /* boot.c */
extern const struct pv_platform native_platform;     /* platform.c */

/* Set by boot.c from the boot record. */
extern uint16_t native_hypercall_port, native_doorbell_port;
extern struct pvn_vcpu *native_vcpu;

/* A hypercall: the monitor reads and writes no other register, and memory as the call says. */
static inline long native_hypercall(enum pvn_hypercall number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t third __asm__("r8") = c;
    long result = number;

    pv_counters.hypercalls++;
    __asm__ volatile("outl %%eax, %%dx"
                     : "+a"(result)
                     : "d"(native_hypercall_port), "D"(a), "S"(b), "r"(third)
                     : "memory");
    return result;
}

/* Rings the bell of a queue: what was stored before is visible to the monitor. */
static inline void native_doorbell(uint32_t number)
{
    pv_counters.hypercalls++;
    pv_counters.doorbells++;
    __asm__ volatile("outl %0, %1" : : "a"(number), "d"(native_doorbell_port) : "memory");
}

/* transport.c: remembers the devices of the boot record; `table` holds `count` entries that lie
 * `stride` bytes apart. Unknown types are passed over. */
void native_devices_find(const void *table, unsigned count, uint32_t stride);
const struct pv_device *native_devices(unsigned *count);

#endif
