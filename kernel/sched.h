/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the kernel: what a thread and a CPU are, and what the scheduler offers to the rest of
 * kernel/. Version 1 runs one CPU, so masking upcalls keeps everything here to its caller; state
 * that a second CPU would need its own of lives in struct cpu.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "arch/arch.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

enum thread_state { THREAD_RUNNING, THREAD_RUNNABLE, THREAD_PARKED, THREAD_DEAD };

struct thread {
    struct arch_context context;
    void *thread_pointer;
    struct thread *next; /* in the run queue */
    uint64_t runnable_since_ns;
    uint64_t urgent_until_ns; /* woken by an event not long ago: goes before those that compute */
    enum thread_state state;
    bool token; /* an unpark that the next park takes */
    bool timed_out;
    bool woken; /* by an unpark, from a park without deadline; has not run since */
    bool detached;
    bool system; /* not counted in metrics.threads_live */
    struct thread *joiner;
    struct timer timer; /* of thread_park */
    void (*entry)(void *argument);
    void *argument;
    void *user;
    void *stack_low, *stack_high;
    void *pages; /* stack, thread block and this struct; NULL for the boot thread */
    size_t page_count;
    char name[THREAD_NAME_BYTES];
};

struct cpu {
    struct thread *current;
    struct thread *run_first, *run_last;
    struct thread *run_urgent_last; /* the urgent ones stand first in the queue; NULL: none */
    struct thread *dead;            /* detached and ended; freed by the thread that runs next */
    uint64_t slice_least_ns;        /* until then nobody takes the CPU from the running thread */
    uint64_t slice_end_ns;
    uint64_t timer_armed_ns; /* what pv->timer_set was last told */
    uint32_t poll_ns;        /* of the boot record */
    unsigned answers_due;    /* requests on their way that a disk answers soon */
    unsigned polls_failed;   /* of POLLS_ALL; the older they are the less they count */
    unsigned polls_left_out; /* since the last one */
    bool upcalls_on;
    bool in_events;     /* running handlers and timers */
    uint64_t events_ns; /* the time for them, read once at most; 0: not yet */
};
extern struct cpu cpu_boot;

static inline struct cpu *cpu_self(void)
{
    return &cpu_boot;
}

/* All with upcalls masked. */

/* Gives the CPU to the next runnable thread, or sleeps until there is one. The caller has said in
 * its thread's state (and queue) what becomes of it; returns when it runs again. `now_ns` is what the
 * clock just said, or 0. */
void sched_switch(uint64_t now_ns);
/* What a thread does first after a switch to it. */
void sched_switched(void);
/* Puts a thread that was parked, or is new, into the run queue. */
void sched_make_runnable(struct thread *thread);
/* The running thread would have waited, but finds what it would have waited for: a slice begins, unless
 * others stand in line. */
void sched_slice_renew(void);
/* Takes a runnable thread off the run queue; false: it is not the first there. */
bool sched_take_back(struct thread *thread);
/* Takes pending events, runs their handlers and what timers have expired. */
void sched_events(void);
/* From now on upcalls are entered; before, a program with one thread needs none. */
void sched_start_upcalls(void);
/* The earliest timer changed while a thread runs. */
void sched_timer_armed(void);

/* So many more requests are on their way, or fewer, that are answered soon if the device is quick: while
 * there are any, an idle CPU looks for the answer before it sleeps. Also with upcalls open. */
void sched_answers_due(int change);

bool upcalls_masked(void);

/* Calls the handlers of these events. */
void event_dispatch(const uint64_t *taken);
/* timer_arm for the scheduler itself: tells nobody of an earlier deadline. */
void timer_insert(struct timer *timer, uint64_t deadline_ns, void (*expire)(struct timer *timer));

/* Frees what thread_create allocated. */
void thread_free(struct thread *thread);

#endif
