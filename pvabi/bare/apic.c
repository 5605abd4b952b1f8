/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC: in x2APIC mode where the CPU offers it, otherwise by its registers in memory. Its
 * timer counts nanoseconds: hypervisors run it at 1 GHz, unless they say otherwise.
 */
#include "bare.h"
#include "cpu.h"

#define REGISTER_ID 0x20u
#define REGISTER_EOI 0xb0u
#define REGISTER_SPURIOUS 0xf0u
#define REGISTER_LVT_TIMER 0x320u
#define REGISTER_LVT_LINT0 0x350u
#define REGISTER_TIMER_COUNT 0x380u
#define REGISTER_TIMER_LEFT 0x390u
#define REGISTER_TIMER_DIVIDE 0x3e0u
#define DIVIDE_BY_1 0xbu
#define SPURIOUS_ENABLE 0x100u
#define LVT_MASKED (1u << 16)
#define LVT_DEADLINE (2u << 17)
#define APIC_BASE_X2 (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define APIC_BYTES 0x1000u
#define PIC_MASTER_MASK 0x21u
#define PIC_SLAVE_MASK 0xa1u

bool bare_apic_has_deadline;
static bool bare_apic_started;
static volatile char *bare_apic_registers; /* NULL: x2APIC */

static EARLY uint32_t bare_apic_read(unsigned at)
{
    if (bare_apic_registers == NULL)
        return (uint32_t)bare_rdmsr(BARE_MSR_X2APIC + at / 16u);
    return *(volatile uint32_t *)(bare_apic_registers + at);
}

static EARLY void bare_apic_write(unsigned at, uint32_t value)
{
    if (bare_apic_registers == NULL)
        bare_wrmsr(BARE_MSR_X2APIC + at / 16u, value);
    else
        *(volatile uint32_t *)(bare_apic_registers + at) = value;
}

EARLY void bare_apic_start(void)
{
    uint64_t base;
    uint32_t cpuid[4];

    if (bare_apic_started)
        return;
    bare_apic_started = true;
    base = bare_rdmsr(BARE_MSR_APIC_BASE);
    bare_cpuid(1, 0, cpuid);
    bare_apic_has_deadline = (cpuid[2] & 1u << 24) != 0;
    if (cpuid[2] & 1u << 21) {
        bare_wrmsr(BARE_MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2);
    } else {
        bare_wrmsr(BARE_MSR_APIC_BASE, base | APIC_BASE_ENABLE);
        bare_apic_registers = bare_map_device(base & APIC_BASE_ADDRESS, APIC_BYTES);
        if (bare_apic_registers == NULL)
            bare_crash("the local APIC is out of reach", NULL);
    }
    /* The old interrupt controllers, where there are any, keep quiet. */
    bare_outb(PIC_MASTER_MASK, 0xff);
    bare_outb(PIC_SLAVE_MASK, 0xff);
    bare_apic_write(REGISTER_LVT_LINT0, LVT_MASKED);
    bare_apic_write(REGISTER_SPURIOUS, SPURIOUS_ENABLE | BARE_VECTOR_SPURIOUS);
    bare_apic_write(REGISTER_TIMER_DIVIDE, DIVIDE_BY_1);
    bare_apic_write(REGISTER_LVT_TIMER,
                    BARE_VECTOR_TIMER | (bare_apic_has_deadline ? LVT_DEADLINE : 0));
}

uint32_t bare_apic_id(void)
{
    uint32_t id;

    bare_apic_start();
    id = bare_apic_read(REGISTER_ID);
    return bare_apic_registers == NULL ? id : id >> 24;
}

void bare_apic_eoi(void)
{
    bare_apic_write(REGISTER_EOI, 0);
}

void bare_apic_deadline(uint64_t tsc)
{
    bare_wrmsr(BARE_MSR_TSC_DEADLINE, tsc);
}

EARLY void bare_apic_timer(uint32_t ns)
{
    bare_apic_write(REGISTER_TIMER_COUNT, ns);
}

EARLY uint32_t bare_apic_timer_left(void)
{
    return bare_apic_read(REGISTER_TIMER_LEFT);
}

/* For calibrating, also where the deadline mode is used afterwards. */
EARLY void bare_apic_timer_quiet(bool quiet)
{
    bare_apic_write(REGISTER_LVT_TIMER, BARE_VECTOR_TIMER | (quiet                    ? LVT_MASKED
                                                             : bare_apic_has_deadline ? LVT_DEADLINE
                                                                                      : 0));
}
