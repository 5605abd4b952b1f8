/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring-0 platform's struct pv_platform. Interrupts stay off until the kernel wants upcalls: a
 * program that needs none is interrupted only while it waits. From then on they stay on, and what
 * the kernel masks is only the upcall.
 */
#include "arch/arch.h"
#include "bare.h"
#include "cpu.h"
#include "pvabi/stamps.h"

bool bare_upcalls_on;

static long bare_write(enum pv_channel channel, const void *data, size_t bytes)
{
    pv_counters.hypercalls++;
    return bare_output(channel, data, bytes);
}

static void bare_wait(uint64_t deadline_ns)
{
    uint64_t poll_ns = bare_poll_ns();

    pv_counters.waits++;
    bare_apic_start();
    bare_cli();
    if (poll_ns != 0 && deadline_ns > bare_clock_ns() + poll_ns)
        deadline_ns = bare_clock_ns() + poll_ns;
    if (deadline_ns < bare_timer_armed_ns())
        bare_timer_arm(deadline_ns);
    /* No wake-up is lost: an interrupt sets `pending` and can come only while halted, or before. */
    while (!pv_upcall->pending &&
           (deadline_ns == PV_NO_DEADLINE || bare_clock_ns() < deadline_ns)) {
        bare_sti_hlt();
        bare_cli();
    }
    bare_poll();
    if (bare_upcalls_on)
        bare_sti();
}

/* The interrupt that fires meanwhile may arm the timer, too. */
static void bare_timer_set(uint64_t deadline_ns)
{
    pv_counters.hypercalls++;
    bare_cli();
    bare_timer_arm(deadline_ns);
    if (bare_upcalls_on)
        bare_sti();
}

/* As on the native interface: the interrupts are the other side. */
static void bare_events_collect(uint64_t taken[PV_EVENT_WORDS])
{
    bare_interrupts_progress();
    __atomic_exchange_n(&bare_vcpu.upcall_pending, 0, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < PV_EVENT_WORDS; i++) {
        taken[i] = 0;
        if (__atomic_load_n(&bare_vcpu.events[i], __ATOMIC_RELAXED))
            taken[i] = __atomic_exchange_n(&bare_vcpu.events[i], 0, __ATOMIC_ACQUIRE);
    }
}

void bare_upcalls_start(void)
{
    bare_apic_start();
    bare_upcalls_on = true;
    bare_sti();
}

/* Nobody to give memory to: it is cleared, as the contract says. */
static int bare_discard(void *address, size_t bytes)
{
    __builtin_memset(address, 0, bytes);
    return 0;
}

const struct pv_platform bare_platform = {
    .name = "bare",
    .write = bare_write,
    .wait = bare_wait,
    .timer_set = bare_timer_set,
    .events_take = bare_events_collect,
    .upcalls_enable = bare_upcalls_start,
    .protect = bare_protect,
    .discard = bare_discard,
    .exit = bare_exit,
    .crash = bare_crash,
    .stamps_tell = pv_stamps_tell,
};
