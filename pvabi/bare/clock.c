/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: KVM's pvclock where it is offered. Otherwise the TSC, whose frequency CPUID tells or one
 * short comparison with the local APIC's timer measures, in a pvclock that we fill ourselves; a
 * longer comparison corrects it while the program runs. Wall time comes from the command line, KVM
 * or the CMOS clock. All that is done when somebody first asks for the time: many programs never do.
 * Here, too, is the one timer.
 */
#include "arch/arch.h"
#include "arch/pvclock.h"
#include "bare.h"
#include "cpu.h"
#include "refine.h"

#define KVM_CPUID_BASE 0x40000000u
#define KVM_CPUID_FEATURES 0x40000001u
#define HYPERVISOR_CPUID_TIMING 0x40000010u
#define KVM_FEATURE_CLOCK2 (1u << 3)
#define KVM_MSR_WALL_CLOCK 0x4b564d00u
#define KVM_MSR_SYSTEM_TIME 0x4b564d01u
#define NS_PER_SEC 1000000000ull
#define KHZ_PER_GHZ 1000000u

/* The calibration: readings of both clocks, this long apart. */
#define CALIBRATE_NS 100000u
#define CALIBRATE_COUNT 1000000000u
#define CALIBRATE_TRIES 3u
#define CALIBRATE_PATIENCE 200000u
#define TIMER_NS_MAX 0xfffffff0ull

static struct pvclock bare_pvclock __attribute__((aligned(64)));
static uint64_t bare_start_tsc; /* at the start: system time 0, unless KVM says otherwise */
static bool bare_clock_going;
static uint64_t bare_armed_ns;         /* the deadline for which the timer is armed */
static struct bare_refine bare_refine; /* idle unless the TSC's frequency is a measured one */

/* ---- how fast the TSC is -------------------------------------------------------------------- */

struct bare_reading {
    uint64_t tsc;
    uint32_t left;
};

/* Both clocks at one moment: the attempt that took least. */
static EARLY struct bare_reading bare_read_both(void)
{
    struct bare_reading best = {0, 0};
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < CALIBRATE_TRIES; i++) {
        uint64_t before = arch_cycles_ordered();
        uint32_t left = bare_apic_timer_left();
        uint64_t after = arch_cycles_ordered();

        if (after - before < least) {
            least = after - before;
            best = (struct bare_reading){before + (after - before) / 2, left};
        }
    }
    return best;
}

static EARLY uint32_t bare_calibrate_khz(void)
{
    struct bare_reading begin, end;
    uint64_t khz;
    unsigned patience = CALIBRATE_PATIENCE;

    bare_apic_timer_quiet(true);
    bare_apic_timer(CALIBRATE_COUNT);
    begin = bare_read_both();
    while (begin.left - bare_apic_timer_left() < CALIBRATE_NS && --patience > 0)
        arch_pause();
    end = bare_read_both();
    bare_apic_timer(0);
    bare_apic_timer_quiet(false);
    if (patience == 0 || begin.left <= end.left || end.tsc <= begin.tsc)
        return 0;
    khz = (end.tsc - begin.tsc) * KHZ_PER_GHZ / (begin.left - end.left);
    return khz < UINT32_MAX ? (uint32_t)khz : 0;
}

/* What CPUID says, or 0. */
static EARLY uint32_t bare_told_khz(uint32_t hypervisor_leaves)
{
    uint32_t cpuid[4];

    if (hypervisor_leaves >= HYPERVISOR_CPUID_TIMING) {
        bare_cpuid(HYPERVISOR_CPUID_TIMING, 0, cpuid);
        if (cpuid[0] != 0)
            return cpuid[0];
    }
    bare_cpuid(0, 0, cpuid);
    if (cpuid[0] < 0x15)
        return 0;
    bare_cpuid(0x15, 0, cpuid);
    if (cpuid[0] == 0 || cpuid[1] == 0 || cpuid[2] == 0)
        return 0;
    return (uint32_t)((uint64_t)cpuid[2] / 1000 * cpuid[1] / cpuid[0]);
}

/* Fills the clock in for a frequency; the version tells readers that interrupts let in between. */
static EARLY void bare_clock_set(uint64_t tsc, uint64_t ns, uint32_t khz)
{
    uint64_t scaled = khz;
    int8_t shift = 0;

    while (scaled <= KHZ_PER_GHZ) {
        scaled <<= 1;
        shift++;
    }
    bare_pvclock.version |= 1; /* as it is before the first time */
    arch_barrier_write();      /* odd before what it covers changes */
    bare_pvclock.tsc_timestamp = tsc;
    bare_pvclock.system_time_ns = ns;
    bare_pvclock.tsc_shift = shift;
    bare_pvclock.tsc_to_system_mul = (uint32_t)(((uint64_t)KHZ_PER_GHZ << 32) / scaled);
    arch_barrier_write(); /* even after */
    bare_pvclock.version++;
}

/* ---- wall time ------------------------------------------------------------------------------ */

static EARLY uint8_t bare_cmos(uint8_t index)
{
    bare_outb(0x70, index);
    return bare_inb(0x71);
}

/* Seconds since 1970 by the CMOS clock; 0 when there is none. */
static EARLY uint64_t bare_cmos_seconds(void)
{
    static const uint8_t bare_cmos_index[6] = {0, 2, 4, 7, 8, 9};
    uint8_t now[6], again[6], mode = bare_cmos(0x0b);
    unsigned tries;
    uint32_t y, m, era_day;

    if (mode == 0xff)
        return 0;
    for (tries = 0; tries < 100; tries++) {
        bool same = true;

        for (unsigned i = 0; i < 6; i++)
            now[i] = bare_cmos(bare_cmos_index[i]);
        for (unsigned i = 0; i < 6; i++) {
            again[i] = bare_cmos(bare_cmos_index[i]);
            same = same && again[i] == now[i];
        }
        if (same && !(bare_cmos(0x0a) & 0x80))
            break;
    }
    if (tries == 100)
        return 0;
    if (!(mode & 2) && now[2] & 0x80) /* afternoon, of twelve hours */
        now[2] = (uint8_t)((now[2] & 0x7f) + (mode & 4 ? 12 : 0x12));
    for (unsigned i = 0; i < 6 && !(mode & 4); i++)
        now[i] = (uint8_t)((now[i] >> 4) * 10 + (now[i] & 15));
    if (now[4] < 1 || now[4] > 12)
        return 0;
    /* Days of a year that begins in March. */
    y = 2000u + now[5] - (now[4] <= 2);
    m = now[4] > 2 ? now[4] - 3u : now[4] + 9u;
    era_day = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + now[3] - 1;
    return ((uint64_t)(era_day - 719468u) * 24 + now[2]) * 3600 + now[1] * 60u + now[0];
}

/* `wall_ns` is now; the clock holds the wall time of system time 0. */
static EARLY void bare_wall_set(uint64_t wall_ns)
{
    uint64_t ns = wall_ns - pvclock_read_ns(&bare_pvclock);

    bare_pvclock.wall_sec = (uint32_t)(ns / NS_PER_SEC);
    bare_pvclock.wall_sec_high = (uint32_t)(ns / NS_PER_SEC >> 32);
    bare_pvclock.wall_nsec = (uint32_t)(ns % NS_PER_SEC);
}

/* KVM's clock, with what its leaves say; false: there is none. */
static EARLY bool bare_kvm_clock(uint32_t *leaves)
{
    uint32_t cpuid[4];

    *leaves = 0;
    bare_cpuid(1, 0, cpuid);
    if (cpuid[2] & 1u << 31) {
        bare_cpuid(KVM_CPUID_BASE, 0, cpuid);
        *leaves = cpuid[0];
        /* "KVMKVMKVM" */
        if (cpuid[1] == 0x4b4d564bu && cpuid[2] == 0x564b4d56u && cpuid[3] == 0x4du) {
            bare_cpuid(KVM_CPUID_FEATURES, 0, cpuid);
            return (cpuid[0] & KVM_FEATURE_CLOCK2) != 0;
        }
    }
    return false;
}

static EARLY void bare_clock_go(void)
{
    uint64_t seconds;
    uint32_t khz, leaves;
    bool kvm = bare_kvm_clock(&leaves);

    bare_apic_start();
    if (kvm) {
        bare_wrmsr(KVM_MSR_SYSTEM_TIME, (uintptr_t)&bare_pvclock | 1u);
    } else {
        khz = bare_told_khz(leaves);
        if (khz == 0) {
            /* The mode that compares with the TSC would have it tell its own frequency. */
            bare_apic_has_deadline = false;
            khz = bare_calibrate_khz();
            bare_refine_init(&bare_refine, khz, CALIBRATE_NS);
        }
        if (khz == 0)
            bare_crash("no clock: the time stamp counter cannot be measured", NULL);
        bare_clock_set(bare_start_tsc, 0, khz);
    }
    if (pv_cmdline.wall_ns != 0)
        bare_wall_set(pv_cmdline.wall_ns +
                      pvclock_scale(&bare_pvclock, arch_cycles() - bare_start_tsc));
    else if (kvm)
        bare_wrmsr(KVM_MSR_WALL_CLOCK, (uintptr_t)&bare_pvclock.wall_version);
    else if ((seconds = bare_cmos_seconds()) != 0)
        bare_wall_set(seconds * NS_PER_SEC);
    bare_pvclock.wall_version &= ~1u; /* from now on it may be read */
}

/* Called by the first reader, and by one that finds KVM amid an update. */
static void bare_clock_late(void)
{
    bool on = bare_cli_save();

    if (!bare_clock_going) {
        bare_clock_going = true;
        bare_clock_go();
    }
    if (on)
        bare_sti();
}

EARLY void bare_clock_start(void)
{
    bare_start_tsc = arch_cycles();
    bare_armed_ns = PV_NO_DEADLINE;
    bare_pvclock.version = bare_pvclock.wall_version = 1; /* odd: there is no time yet */
    pv_clock = &bare_pvclock;
    pvclock_late = bare_clock_late;
}

uint64_t bare_clock_ns(void)
{
    return pvclock_read_ns(&bare_pvclock);
}

/* The timer stops, or is about to be started anew: if it ran for long, it tells the frequency better
 * than what was measured before. Time goes on from where it is, at another rate. */
static void bare_clock_refine(void)
{
    uint64_t ns;
    uint32_t left;

    if (bare_refine.count == 0)
        return;
    left = bare_apic_timer_left();
    if (!bare_refine_stop(&bare_refine, arch_cycles_ordered(), left))
        return;
    ns = bare_clock_ns();
    bare_clock_set(arch_cycles_ordered(), ns, bare_refine.khz);
}

/* ---- the timer ------------------------------------------------------------------------------ */

/* The TSC's value at a system time that lies `ns` ahead. */
static uint64_t bare_tsc_ahead(uint64_t ns)
{
    int shift = bare_pvclock.tsc_shift;
    uint32_t multiplier = bare_pvclock.tsc_to_system_mul;
    uint64_t cycles;

    if (multiplier == 0)
        multiplier = 1;
    /* ns < 2^32, so the shifted value fits 64 bits. */
    cycles = (ns << 32) / multiplier + 1;
    cycles = shift < 0 ? cycles << -shift : cycles >> shift;
    return arch_cycles() + cycles;
}

void bare_timer_arm(uint64_t deadline_ns)
{
    uint64_t now_ns, ns;

    if (deadline_ns == bare_armed_ns && deadline_ns == PV_NO_DEADLINE)
        return; /* nor is there a timer before somebody has read the time */
    bare_clock_refine();
    bare_armed_ns = deadline_ns;
    if (deadline_ns == PV_NO_DEADLINE) {
        if (bare_apic_has_deadline)
            bare_apic_deadline(0);
        else
            bare_apic_timer(0);
        return;
    }
    now_ns = bare_clock_ns();
    ns = deadline_ns > now_ns ? deadline_ns - now_ns : 1;
    if (ns > TIMER_NS_MAX)
        ns = TIMER_NS_MAX; /* fires early, and is armed again */
    if (bare_apic_has_deadline)
        bare_apic_deadline(bare_tsc_ahead(ns));
    else
        bare_apic_timer((uint32_t)ns);
    if (bare_refine.khz != 0)
        bare_refine_start(&bare_refine, arch_cycles_ordered(), (uint32_t)ns);
}

uint64_t bare_timer_armed_ns(void)
{
    return bare_armed_ns;
}

void bare_timer_fired(void)
{
    uint64_t deadline_ns = bare_armed_ns;

    bare_clock_refine();
    if (deadline_ns == PV_NO_DEADLINE)
        return;
    if (bare_clock_ns() < deadline_ns) {
        bare_timer_arm(deadline_ns);
        return;
    }
    bare_armed_ns = PV_NO_DEADLINE;
    bare_event_raise(PV_EVENT_TIMER);
}
