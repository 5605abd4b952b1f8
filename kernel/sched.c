/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: round robin over a queue of runnable threads, preempted by upcalls; idle is a wait
 * on the stack of whoever blocked last. Relies on pv.h for waiting and the timer. The rest of
 * kernel/ calls it with upcalls masked (sched.h).
 *
 * A thread that an event wakes, and those that it wakes in turn within a slice, are urgent: they go
 * to the front of the queue and take the CPU from one that has computed for half a millisecond. So
 * an answer does not wait behind computations, and those still get their half millisecond however
 * many events come; what goes on for longer than a slice stands in line with the others.
 *
 * A program with one thread pays nothing: upcalls are switched on with the second thread or the
 * first timer. Until then the mask is a variable of our own, nobody interrupts, and pending events
 * are looked at when the thread sleeps or yields.
 */
#include "sched.h"

#include "arch/bootrec.h"
#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/metrics.h"
#include "pvabi/pv.h"

#define SLICE_NS 10000000ull
#define SLICE_LEAST_NS 500000ull
/* Where more than one of 5 polls fails, one of 32 waits polls; a dozen that do not fail end that. */
#define POLLS_ALL 4096u
#define POLLS_COUNTED 32u
#define POLLS_FAILED_MAX (POLLS_ALL / 5u)
#define POLLS_FAILED_MOST (POLLS_ALL / 4u)
#define POLLS_LEFT_OUT_MAX 32u
#define POLL_GAP_NS 250000u /* meanwhile the host ran somebody else on this CPU */

extern uint8_t boot_stack_low[], boot_stack_high[];

static struct thread main_thread = {
    .state = THREAD_RUNNING,
    .stack_low = boot_stack_low,
    .stack_high = boot_stack_high,
    .name = "main",
};

struct cpu cpu_boot = {.current = &main_thread, .timer_armed_ns = NO_DEADLINE};

/* The mask that counts: this one until upcalls are on, the platform's afterwards. */
static struct pv_upcall quiet;
static struct pv_upcall *upcall = &quiet;

unsigned upcalls_mask(void)
{
    unsigned state = upcall->mask;

    /* An upcall between the reading and the writing leaves the mask as it found it. */
    upcall->mask = 1;
    arch_barrier_compiler(); /* masked before the critical section's accesses */
    return state;
}

/* A locked exchange: the mask is cleared before `pending` is read. The other side sets `pending` and
 * then reads the mask, so one of the two sees the other's write and an event between them is not
 * lost. True when nothing is pending. */
static inline bool unmask(void)
{
    __atomic_exchange_n(&upcall->mask, 0, __ATOMIC_SEQ_CST);
    return !upcall->pending;
}

static __attribute__((noinline)) void take_pending(void)
{
    do {
        upcall->mask = 1;
        arch_barrier_compiler();
        kernel_upcall();
    } while (!unmask());
}

void upcalls_restore(unsigned state)
{
    if (state != 0)
        return;
    arch_barrier_compiler(); /* the critical section's accesses before unmasking */
    if (!unmask())
        take_pending();
}

bool upcalls_masked(void)
{
    return upcall->mask != 0;
}

void sched_start_upcalls(void)
{
    struct cpu *cpu = cpu_self();

    if (cpu->upcalls_on)
        return;
    kassert(upcalls_masked());
    cpu->upcalls_on = true;
    cpu->current->thread_pointer = arch_thread_pointer();
    pv_upcall->mask = 1;
    upcall = pv_upcall;
    pv->upcalls_enable();
}

/* Has the platform's timer fire no later than the first moment at which a running thread must be
 * interrupted. A timer that fires early is only looked at then, because arming costs a hypercall
 * and not arming costs nothing. */
static void program_timer(void)
{
    struct cpu *cpu = cpu_self();
    uint64_t needed_ns = timer_next_deadline();

    if (!cpu->upcalls_on)
        return;
    if (cpu->run_first != NULL && cpu->slice_end_ns < needed_ns)
        needed_ns = cpu->slice_end_ns;
    if (needed_ns < cpu->timer_armed_ns) {
        cpu->timer_armed_ns = needed_ns;
        pv->timer_set(needed_ns);
    }
}

void sched_timer_armed(void)
{
    sched_start_upcalls();
    if (!cpu_self()->in_events)
        program_timer();
}

static void run_queue_append(struct cpu *cpu, struct thread *thread, uint64_t now_ns)
{
    thread->state = THREAD_RUNNABLE;
    thread->runnable_since_ns = now_ns;
    thread->next = NULL;
    if (cpu->run_first == NULL)
        cpu->run_first = thread;
    else
        cpu->run_last->next = thread;
    cpu->run_last = thread;
}

/* Behind the urgent ones, before all others. */
static void run_queue_put_urgent(struct cpu *cpu, struct thread *thread, uint64_t now_ns)
{
    struct thread **place = cpu->run_urgent_last ? &cpu->run_urgent_last->next : &cpu->run_first;

    thread->state = THREAD_RUNNABLE;
    thread->runnable_since_ns = now_ns;
    thread->next = *place;
    *place = thread;
    if (thread->next == NULL)
        cpu->run_last = thread;
    cpu->run_urgent_last = thread;
}

static struct thread *run_queue_take(struct cpu *cpu)
{
    struct thread *thread = cpu->run_first;

    if (thread != NULL)
        cpu->run_first = thread->next;
    if (thread == cpu->run_urgent_last)
        cpu->run_urgent_last = NULL;
    return thread;
}

/* Events and timers take no time: the clock is read once for all of them. */
static uint64_t events_now_ns(struct cpu *cpu)
{
    if (cpu->events_ns == 0)
        cpu->events_ns = clock_now_ns();
    return cpu->events_ns;
}

void sched_make_runnable(struct thread *thread)
{
    struct cpu *cpu = cpu_self();
    uint64_t now_ns = cpu->in_events ? events_now_ns(cpu) : clock_now_ns();

    thread->urgent_until_ns = cpu->in_events ? now_ns + SLICE_NS : cpu->current->urgent_until_ns;
    if (now_ns < thread->urgent_until_ns)
        run_queue_put_urgent(cpu, thread, now_ns);
    else
        run_queue_append(cpu, thread, now_ns);
    if (cpu->current->state != THREAD_RUNNING)
        return;
    if (cpu->in_events) { /* at their end the timer is seen to */
        if (cpu->slice_least_ns < cpu->slice_end_ns)
            cpu->slice_end_ns = cpu->slice_least_ns;
        return;
    }
    /* Alone until now, the running thread has used up its slice: it is given one more, because
     * whoever wakes another usually sleeps soon. */
    if (cpu->run_first == thread && cpu->slice_end_ns <= now_ns)
        cpu->slice_end_ns = now_ns + SLICE_NS;
    program_timer();
}

bool sched_take_back(struct thread *thread)
{
    struct cpu *cpu = cpu_self();

    return cpu->run_first == thread && run_queue_take(cpu) != NULL;
}

/* `now_ns` is what the clock just said, or 0. */
static void take_events(struct cpu *cpu, uint64_t now_ns)
{
    uint64_t taken[PV_EVENT_WORDS];

    cpu->in_events = true;
    cpu->events_ns = now_ns;
    if (pv_upcall->pending) {
        pv->events_take(taken);
        if (taken[0] & 1ull << PV_EVENT_TIMER)
            cpu->timer_armed_ns = NO_DEADLINE;
        event_dispatch(taken);
    }
    if (timer_next_deadline() != NO_DEADLINE)
        timer_expire(events_now_ns(cpu));
    cpu->in_events = false;
}

void sched_events(void)
{
    take_events(cpu_self(), 0);
}

void sched_answers_due(int change)
{
    /* Relaxed: whoever idles reads it afterwards on the same CPU; atomic, as an upcall may interrupt. */
    __atomic_fetch_add(&cpu_self()->answers_due, (unsigned)change, __ATOMIC_RELAXED);
}

/* Going to sleep and waking up may take longer than a quick disk. So while one works, an idle CPU looks for
 * the event before it sleeps. Where that is often in vain, because the disk is slow or others need the
 * CPU that looks, it does so but rarely, to notice when that changes. */
static bool poll_pays(struct cpu *cpu)
{
    if (cpu->answers_due == 0 || cpu->poll_ns == 0)
        return false;
    if (cpu->polls_failed < POLLS_FAILED_MAX)
        return true;
    if (++cpu->polls_left_out < POLLS_LEFT_OUT_MAX)
        return false;
    cpu->polls_left_out = 0;
    return true;
}

/* Looks for an event until poll_ns are over. True: there is one, or a timer has expired. */
static bool poll(struct cpu *cpu, uint64_t now_ns)
{
    uint64_t poll_end_ns = now_ns + cpu->poll_ns, deadline_ns = timer_next_deadline();
    uint64_t end_ns = deadline_ns < poll_end_ns ? deadline_ns : poll_end_ns;
    uint64_t before_ns;
    bool failed = false, there_already = pv_upcall->pending;

    while (!pv_upcall->pending && now_ns < end_ns) {
        arch_pause();
        before_ns = now_ns;
        now_ns = clock_now_ns();
        failed |= now_ns - before_ns > POLL_GAP_NS;
    }
    failed |= now_ns >= poll_end_ns;
    cpu->polls_failed -= cpu->polls_failed / POLLS_COUNTED;
    if (failed && cpu->polls_failed < POLLS_FAILED_MOST)
        cpu->polls_failed += POLLS_ALL / POLLS_COUNTED;
    if (pv_upcall->pending && !there_already)
        metrics.polls++;
    return pv_upcall->pending || now_ns >= deadline_ns;
}

/* Returns when it is afterwards. */
static uint64_t idle(struct cpu *cpu, uint64_t before_ns)
{
    uint64_t after_ns;

    /* No wake-up is lost here: upcalls are masked, so an event since the run queue was looked at is
     * pending, and then the wait returns at once; the deadline is the earliest of all timers. */
    if (!poll_pays(cpu) || !poll(cpu, before_ns))
        pv->wait(timer_next_deadline());
    after_ns = clock_now_ns();
    metrics.idle_ns += after_ns - before_ns;
    take_events(cpu, after_ns);
    return after_ns;
}

static void slice_begin(struct cpu *cpu, uint64_t now_ns)
{
    cpu->slice_least_ns = now_ns + SLICE_LEAST_NS;
    cpu->slice_end_ns = now_ns + SLICE_NS;
}

void sched_slice_renew(void)
{
    if (cpu_self()->run_first == NULL)
        slice_begin(cpu_self(), clock_recent_ns());
}

/* `now_ns` is what the clock says, or 0: then it is read here. */
static void switch_to_next(uint64_t now_ns)
{
    struct cpu *cpu = cpu_self();
    struct thread *from = cpu->current, *to;

    kassert(upcalls_masked());
    if (now_ns == 0)
        now_ns = clock_now_ns();
    while ((to = run_queue_take(cpu)) == NULL)
        now_ns = idle(cpu, now_ns);
    metrics.runqueue_wait_ns += now_ns - to->runnable_since_ns;
    to->state = THREAD_RUNNING;
    slice_begin(cpu, now_ns);
    cpu->current = to;
    program_timer();
    if (to == from)
        return;
    metrics.context_switches++;
    arch_thread_pointer_set(to->thread_pointer);
    arch_context_switch(&from->context, &to->context);
    sched_switched();
}

void sched_switch(uint64_t now_ns)
{
    switch_to_next(now_ns);
}

void sched_switched(void)
{
    struct cpu *cpu = cpu_self();
    struct thread *dead = cpu->dead;

    cpu->dead = NULL;
    if (dead != NULL)
        thread_free(dead);
}

void kernel_upcall(void)
{
    struct cpu *cpu = cpu_self();
    uint64_t now_ns;

    sched_events();
    if (cpu->run_first == NULL) {
        program_timer();
        return;
    }
    now_ns = events_now_ns(cpu);
    if (now_ns < cpu->slice_end_ns) {
        program_timer();
        return;
    }
    metrics.preemptions++;
    run_queue_append(cpu, cpu->current, now_ns);
    switch_to_next(now_ns);
}

void thread_yield(void)
{
    struct cpu *cpu = cpu_self();
    unsigned state = upcalls_mask();

    kassert(state == 0);
    if (!cpu->upcalls_on)
        sched_events();
    if (cpu->run_first != NULL) {
        uint64_t now_ns = clock_now_ns();

        run_queue_append(cpu, cpu->current, now_ns);
        switch_to_next(now_ns);
    }
    upcalls_restore(state);
}
