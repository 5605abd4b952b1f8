/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native interface's struct pv_platform: each operation is one hypercall, or none. Called by
 * the kernel through `pv`; write, exit and crash also before there is a kernel.
 */
#include "platform.h"

#include "arch/arch.h"

_Static_assert((int)PV_STDOUT == (int)PVN_STDOUT && (int)PV_STDERR == (int)PVN_STDERR &&
                   (int)PV_LOG == (int)PVN_LOG,
               "channels are passed on as they are");
_Static_assert((int)PV_NONE == (int)PVN_NONE && (int)PV_READ == (int)PVN_READ &&
                   (int)PV_READ_WRITE == (int)PVN_READ_WRITE,
               "rights are passed on as they are");
_Static_assert(PV_NO_DEADLINE == PVN_NO_DEADLINE, "deadlines are passed on as they are");
_Static_assert(PV_EVENT_WORDS == PVN_EVENT_WORDS && PV_EVENT_TIMER == PVN_EVENT_TIMER &&
                   PV_EVENT_SYSTEM == PVN_EVENT_SYSTEM,
               "events are passed on as they are");
/* boot.c lets pv_upcall point to the shared page. */
_Static_assert(offsetof(struct pv_upcall, pending) == offsetof(struct pvn_vcpu, upcall_pending) &&
                   offsetof(struct pv_upcall, mask) == offsetof(struct pvn_vcpu, upcall_mask),
               "pv_upcall");
/* upcall.S knows these places. */
_Static_assert(offsetof(struct arch_cpu_info, xcr0) == 0, "CPU_XCR0");
_Static_assert(offsetof(struct arch_cpu_info, xsave_bytes) == 8, "CPU_XSAVE_BYTES");
_Static_assert(offsetof(struct pv_counters, upcalls) == 24, "COUNTERS_UPCALLS");
_Static_assert(offsetof(struct pvn_vcpu, restart_sp) == 72, "VCPU_RESTART_SP");
_Static_assert(PVN_RED_ZONE == 128u, "the return's operand");

static long native_write(enum pv_channel channel, const void *data, size_t bytes)
{
    uintptr_t at = (uintptr_t)data;
    size_t done = 0;

    while (done < bytes) {
        size_t part = bytes - done < PVN_WRITE_MAX ? bytes - done : PVN_WRITE_MAX;
        long result = native_hypercall(PVN_HC_WRITE, channel, at + done, part);

        if (result <= 0)
            return done > 0 ? (long)done : result;
        done += (size_t)result;
    }
    return (long)done;
}

/* No wake-up is lost: the monitor sets event bits, then `pending`, then wakes a vCPU that waits,
 * and PVN_HC_WAIT looks at `pending` before it sleeps. Looking here only saves the hypercall. */
static void native_wait(uint64_t deadline_ns)
{
    if (pv_upcall->pending)
        return;
    pv_counters.waits++;
    native_hypercall(PVN_HC_WAIT, deadline_ns, 0, 0);
}

static void native_timer_set(uint64_t deadline_ns)
{
    native_hypercall(PVN_HC_TIMER, deadline_ns, 0, 0);
}

static void native_events_take(uint64_t taken[PV_EVENT_WORDS])
{
    /* Full (an exchange is): the loads of events[] must not rise above the store that clears
     * `pending`. The monitor sets a bit and then `pending`; were a load early, it could miss the
     * bit and the store after it would wipe out the word that tells of it. */
    __atomic_exchange_n(&native_vcpu->upcall_pending, 0, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < PV_EVENT_WORDS; i++) {
        taken[i] = 0;
        if (__atomic_load_n(&native_vcpu->events[i], __ATOMIC_RELAXED))
            taken[i] = __atomic_exchange_n(&native_vcpu->events[i], 0, __ATOMIC_ACQUIRE);
    }
}

static void native_upcalls_enable(void)
{
    struct pvn_vcpu *vcpu = native_vcpu;

    vcpu->restart_begin = (uintptr_t)arch_upcall_restart_begin;
    vcpu->restart_end = (uintptr_t)arch_upcall_restart_end;
    vcpu->restart_entry = (uintptr_t)arch_upcall_restart;
    /* Release: the range must not be written after upcall_entry, which has the monitor read it. */
    __atomic_store_n(&vcpu->upcall_entry, (uintptr_t)arch_upcall, __ATOMIC_RELEASE);
}

static int native_protect(void *address, size_t bytes, enum pv_rights rights)
{
    return (int)native_hypercall(PVN_HC_PROTECT, (uintptr_t)address, bytes, rights);
}

static int native_discard(void *address, size_t bytes)
{
    return (int)native_hypercall(PVN_HC_DISCARD, (uintptr_t)address, bytes, 0);
}

static __attribute__((noreturn)) void native_exit(int status)
{
    for (;;)
        native_hypercall(PVN_HC_EXIT, (unsigned)status & PVN_STATUS_MASK, 0, 0);
}

static __attribute__((noreturn)) void native_crash(const char *message, const void *frame)
{
    size_t bytes = 0;

    while (bytes < PVN_WRITE_MAX && message[bytes] != '\0')
        bytes++;
    for (;;)
        native_hypercall(PVN_HC_CRASH, (uintptr_t)message, bytes, (uintptr_t)frame);
}

const struct pv_platform native_platform = {
    .name = "native",
    .write = native_write,
    .wait = native_wait,
    .timer_set = native_timer_set,
    .events_take = native_events_take,
    .upcalls_enable = native_upcalls_enable,
    .protect = native_protect,
    .discard = native_discard,
    .exit = native_exit,
    .crash = native_crash,
};
