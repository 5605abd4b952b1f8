/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake surroundings of fake.h. */
#include "kernel/fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/metrics.h"
#include "kernel/start.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

struct fake fake;

static uint64_t events[PV_EVENT_WORDS];
static struct pv_upcall upcall;
struct pv_upcall *pv_upcall = &upcall;
struct pv_counters pv_counters;
struct arch_cpu_info arch_cpu_info __attribute__((weak));
__attribute__((weak)) struct metrics metrics;

/* The scheduler's boot thread believes that this is its stack. */
uint8_t boot_stack_low[16], boot_stack_high[16];

void fake_event(unsigned event)
{
    events[event / 64] |= 1ull << event % 64;
    upcall.pending = 1;
}

static long fake_write(enum pv_channel channel, const void *data, size_t bytes)
{
    (void)channel;
    (void)data;
    return (long)bytes;
}

static void fake_wait(uint64_t deadline_ns)
{
    fake.waits++;
    fake.waited_for_ns = deadline_ns;
    if (upcall.pending)
        return;
    if (fake.on_wait != NULL) {
        fake.on_wait();
    } else if (deadline_ns == PV_NO_DEADLINE) {
        fprintf(stderr, "the guest sleeps for ever\n");
        abort();
    } else if (fake.now_ns < deadline_ns) {
        fake.now_ns = deadline_ns;
    }
}

static void fake_timer_set(uint64_t deadline_ns)
{
    fake.timer_sets++;
    fake.timer_ns = deadline_ns;
}

static void fake_events_take(uint64_t taken[PV_EVENT_WORDS])
{
    upcall.pending = 0;
    memcpy(taken, events, sizeof(events));
    memset(events, 0, sizeof(events));
}

static void fake_upcalls_enable(void)
{
}

static int fake_protect(void *address, size_t bytes, enum pv_rights rights)
{
    (void)bytes;
    fake.protects++;
    if (rights == PV_NONE)
        fake.protected_page = address;
    return fake.protect_result;
}

static const struct pv_platform fake_platform = {
    .name = "fake",
    .write = fake_write,
    .wait = fake_wait,
    .timer_set = fake_timer_set,
    .events_take = fake_events_take,
    .upcalls_enable = fake_upcalls_enable,
    .protect = fake_protect,
};
const struct pv_platform *pv = &fake_platform;

void panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fake.message, sizeof(fake.message), format, arguments);
    va_end(arguments);
    if (fake.expects_panic)
        longjmp(fake.panicked, 1);
    fprintf(stderr, "panic: %s\n", fake.message);
    abort();
}

__attribute__((weak)) void log_line(const char *format, ...)
{
    (void)format;
}

void kernel_exit(int status)
{
    exit(status);
}

__attribute__((weak)) uint64_t clock_recent_ns(void)
{
    return clock_now_ns();
}

__attribute__((weak)) uint64_t clock_now_ns(void)
{
    if (fake.on_clock != NULL)
        fake.on_clock();
    return fake.now_ns;
}

__attribute__((weak)) unsigned upcalls_mask(void)
{
    unsigned state = upcall.mask;

    upcall.mask = 1;
    return state;
}

__attribute__((weak)) void upcalls_restore(unsigned state)
{
    upcall.mask = (uint8_t)state;
}

__attribute__((weak)) void sched_timer_armed(void)
{
}

/* A thread block that leaves the host's own alone. */
size_t arch_tls_bytes(void)
{
    return 128;
}

void *arch_tls_init(void *block)
{
    return memset(block, 0, 128);
}

void arch_thread_pointer_set(void *thread_pointer)
{
    (void)thread_pointer;
}

__attribute__((weak)) bool arch_entropy(uint64_t *value)
{
    (void)value;
    return false;
}
