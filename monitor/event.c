/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events, waiting, the timer and upcalls (ABI.md, "Events" and "Upcalls"). Who may call what is in
 * event.h.
 *
 * Why no wake-up is lost. A raiser does, in this order,
 *     R1  set the bit in events[]        R2  set upcall_pending = 1
 *     R3  full fence                     R4  read `waiting` and upcall_mask, and wake or kick
 * and the vCPU meets it in one of three places:
 * 1. Waiting. W1 sets `waiting`, W2 fences, W3 reads `wake`, W4 looks at upcall_pending, W5 sleeps
 *    on `wake` unless it changed. Either R2 comes before W4 and W4 sees it, or W1 comes before R4
 *    (the fences R3 and W2 forbid that both reads miss both writes). Then R4 adds to `wake` and
 *    wakes, and as that comes after W3, W5 returns at once or is woken.
 * 2. Upcalls unmasked: R4 sees the mask clear and sends the signal. If that comes while the monitor
 *    is in control, its handler sets immediate_exit, which KVM_RUN looks at first; if it comes in
 *    KVM_RUN, that returns. Either way the result is EINTR. The run loop clears immediate_exit
 *    before it looks at upcall_pending, never after.
 * 3. Upcalls masked: no signal. The guest unmasks with a locked instruction and then looks at
 *    upcall_pending (ABI.md). Either that look comes after R2 and sees it, or the unmasking came
 *    before R4, and R4 sees the mask clear: case 2. A signal that comes when the mask is set again
 *    is harmless: the guest looks when it unmasks.
 */
#include "event.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "say.h"

#ifndef sigev_notify_thread_id /* not in every C library's header */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define SIGNAL_KICK SIGUSR1  /* look at the events */
#define SIGNAL_TIMER SIGUSR2 /* the guest's timer */
#define STOP_REPEAT_US 50000

#define RFLAGS_TF 0x100ull
#define RFLAGS_DF 0x400ull
#define RFLAGS_AC 0x40000ull

static struct events *handled; /* for the signal handlers */

uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void wake_waiter(struct events *events)
{
    __atomic_fetch_add(&events->wake, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&events->waiting, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &events->wake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* R1 to R3 of the argument above. */
static void mark(struct events *events, unsigned event)
{
    __atomic_fetch_or(&events->shared->events[event / 64], 1ull << event % 64, __ATOMIC_SEQ_CST);
    __atomic_store_n(&events->shared->upcall_pending, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&events->raised, 1, __ATOMIC_RELAXED);
    /* Stops the later read of `waiting` and of the mask from passing the writes above. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void events_raise(struct events *events, unsigned event)
{
    if (event >= 64 * PVN_EVENT_WORDS)
        return;
    mark(events, event);
    if (__atomic_load_n(&events->waiting, __ATOMIC_SEQ_CST)) {
        wake_waiter(events);
        return;
    }
    if (events_upcalls_open(events)) {
        __atomic_fetch_add(&events->kicks, 1, __ATOMIC_RELAXED);
        syscall(SYS_tgkill, events->process, events->thread, SIGNAL_KICK);
    }
}

/* Runs on the vCPU's thread: whatever that does, it returns from KVM_RUN or from its sleep. */
static void on_signal(int signal)
{
    static const struct itimerval again = {.it_interval = {.tv_usec = STOP_REPEAT_US},
                                           .it_value = {.tv_usec = STOP_REPEAT_US}};
    struct events *events = handled;
    uint32_t none = STOP_NONE;
    int error = errno;
    uint32_t cause = signal == SIGALRM  ? STOP_TIMEOUT
                     : signal == SIGINT ? STOP_INTERRUPT
                                        : STOP_TERMINATE;

    if (signal == SIGNAL_TIMER) {
        mark(events, PVN_EVENT_TIMER);
    } else if (signal != SIGNAL_KICK) {
        __atomic_compare_exchange_n(&events->stop, &none, cause, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        /* Repeated until the process ends: a signal that comes just before a write that blocks
         * would interrupt nothing. */
        setitimer(ITIMER_REAL, &again, NULL);
    }
    __atomic_fetch_add(&events->wake, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&events->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    errno = error;
}

static const int vcpu_signals[] = {SIGNAL_KICK, SIGNAL_TIMER, SIGALRM, SIGINT, SIGTERM};

void events_block_signals(bool block)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof vcpu_signals / sizeof vcpu_signals[0]; i++)
        sigaddset(&set, vcpu_signals[i]);
    sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* Whoever starts a command in the background may have it ignore the terminal's Ctrl-C. */
static bool stays_ignored(int signal)
{
    struct sigaction inherited;
    return signal == SIGINT && !sigaction(signal, NULL, &inherited) &&
           inherited.sa_handler == SIG_IGN;
}

int events_start(struct events *events, struct pvn_vcpu *shared, struct kvm_run *run)
{
    struct sigaction action = {.sa_handler = on_signal};

    *events = (struct events){
        .shared = shared, .run = run, .process = getpid(), .thread = (pid_t)syscall(SYS_gettid)};
    handled = events;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof vcpu_signals / sizeof vcpu_signals[0]; i++)
        if (!stays_ignored(vcpu_signals[i]) && sigaction(vcpu_signals[i], &action, NULL))
            return -errno;
    return 0;
}

enum stop_cause events_stopped(const struct events *events)
{
    return (enum stop_cause)__atomic_load_n(&events->stop, __ATOMIC_SEQ_CST);
}

int events_set_timeout(uint64_t timeout_ns)
{
    struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                     .tv_usec = (suseconds_t)(timeout_ns % 1000000000u / 1000u)},
    };
    if (!timer.it_value.tv_sec && !timer.it_value.tv_usec)
        timer.it_value.tv_usec = 1;
    return setitimer(ITIMER_REAL, &timer, NULL) ? -errno : 0;
}

static bool is_pending(const struct events *events)
{
    return __atomic_load_n(&events->shared->upcall_pending, __ATOMIC_SEQ_CST) != 0;
}

void events_wait(struct events *events, uint64_t deadline_ns)
{
    uint64_t begin_ns = monotonic_ns();
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                .tv_nsec = (long)(deadline_ns % 1000000000u)};

    events->waits++;
    __atomic_store_n(&events->waiting, 1, __ATOMIC_SEQ_CST); /* W1, W2 */
    for (;;) {
        uint32_t wake = __atomic_load_n(&events->wake, __ATOMIC_SEQ_CST); /* W3 */
        if (is_pending(events) || events_stopped(events) != STOP_NONE)
            break;
        /* The time of CLOCK_MONOTONIC, absolute, is what FUTEX_WAIT_BITSET takes. */
        long result = syscall(SYS_futex, &events->wake, FUTEX_WAIT_BITSET_PRIVATE, wake,
                              deadline_ns == UINT64_MAX ? NULL : &deadline, NULL,
                              FUTEX_BITSET_MATCH_ANY);
        if (result < 0 && errno == ETIMEDOUT)
            break;
    }
    __atomic_store_n(&events->waiting, 0, __ATOMIC_SEQ_CST);
    events->wait_ns += monotonic_ns() - begin_ns;
}

int events_set_timer(struct events *events, uint64_t deadline_ns)
{
    struct itimerspec when = {0};

    if (deadline_ns == UINT64_MAX && !events->timer_armed)
        return 0;
    if (!events->timer_made) {
        struct sigevent signal = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL_TIMER};
        signal.sigev_notify_thread_id = events->thread;
        if (timer_create(CLOCK_MONOTONIC, &signal, &events->timer))
            return -errno;
        events->timer_made = true;
    }
    events->timer_armed = deadline_ns != UINT64_MAX;
    if (events->timer_armed) {
        when.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u);
        when.it_value.tv_nsec = (long)(deadline_ns % 1000000000u);
        if (!when.it_value.tv_sec && !when.it_value.tv_nsec)
            when.it_value.tv_nsec = 1; /* zero would disarm */
    }
    return timer_settime(events->timer, TIMER_ABSTIME, &when, NULL) ? -errno : 0;
}

bool events_upcalls_open(const struct events *events)
{
    return !__atomic_load_n(&events->shared->upcall_mask, __ATOMIC_SEQ_CST) &&
           __atomic_load_n(&events->shared->upcall_entry, __ATOMIC_RELAXED) != 0;
}

bool events_upcall_due(const struct events *events)
{
    return is_pending(events) && events_upcalls_open(events);
}

static bool is_executable(const struct tables *tables, uint64_t address)
{
    struct page_rights rights = tables_lookup(tables, address);
    return rights.user && rights.executable;
}

static bool is_writable(const struct tables *tables, uint64_t address)
{
    struct page_rights rights = tables_lookup(tables, address);
    return rights.user && rights.writable;
}

int events_enter_upcall(struct events *events, const struct guest_memory *memory,
                        const struct tables *tables, uint64_t *address)
{
    struct kvm_regs *registers = &events->run->s.regs.regs;
    struct pvn_vcpu vcpu;

    /* The guest may change its page while it is read, on a vCPU of its own: one copy is checked and
     * used. */
    memcpy(&vcpu, events->shared, sizeof vcpu);
    if (registers->rip >= vcpu.restart_begin && registers->rip < vcpu.restart_end) {
        *address = vcpu.restart_entry;
        if (!is_executable(tables, vcpu.restart_entry))
            return -EINVAL;
        registers->rip = vcpu.restart_entry;
        registers->rsp = vcpu.restart_sp;
    } else {
        struct pvn_upcall_frame frame = {.rflags = registers->rflags, .rip = registers->rip};
        uint64_t at = registers->rsp - PVN_RED_ZONE - sizeof frame;
        void *host = memory_at(memory, (gpa_t){at}, sizeof frame, MEMORY_WRITE);
        *address = at;
        if (!host || !is_writable(tables, at) || !is_writable(tables, at + sizeof frame - 1))
            return -EFAULT;
        *address = vcpu.upcall_entry;
        if (!is_executable(tables, vcpu.upcall_entry))
            return -EINVAL;
        memcpy(host, &frame, sizeof frame);
        registers->rip = vcpu.upcall_entry;
        registers->rsp = at;
    }
    registers->rflags &= ~(RFLAGS_TF | RFLAGS_DF | RFLAGS_AC);
    events->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    __atomic_store_n(&events->shared->upcall_mask, 1, __ATOMIC_SEQ_CST);
    events->upcalls++;
    return 0;
}
