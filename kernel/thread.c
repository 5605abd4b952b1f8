/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: their life, parking and unparking. A thread is one run of pages: its stack, above it the
 * thread block, above that struct thread, and a guard page below. Relies on the scheduler and the
 * page allocator; called by every layer above (kernel/thread.h).
 */
#include "kernel/clock.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/start.h"
#include "pvabi/pv.h"
#include "sched.h"

#define BLOCK_ALIGNMENT 64u
/* The stack that an upcall uses beside the FPU's state. */
#define UPCALL_BYTES 1024u

void (*thread_exit_hook)(void);

struct thread *thread_self(void)
{
    return cpu_self()->current;
}

void *thread_user(const struct thread *thread)
{
    return thread->user;
}

void thread_user_set(struct thread *thread, void *user)
{
    thread->user = user;
}

const char *thread_name(const struct thread *thread)
{
    return thread->name;
}

void thread_name_set(struct thread *thread, const char *name)
{
    size_t i = 0;

    for (; i < THREAD_NAME_BYTES - 1 && name[i] != '\0'; i++)
        thread->name[i] = name[i];
    thread->name[i] = '\0';
}

void thread_stack(const struct thread *thread, void **low, void **high)
{
    *low = thread->stack_low;
    *high = thread->stack_high;
}

static void thread_begin(void *argument)
{
    struct thread *self = argument;

    sched_switched();
    upcalls_restore(0);
    self->entry(self->argument);
    thread_exit();
}

/* What a thread's pages hold beside the stack that was asked for: what lies above it, and the frame
 * of an upcall, which may come at its deepest. */
static size_t overhead_bytes(void)
{
    return sizeof(struct thread) + arch_tls_bytes() + 2 * BLOCK_ALIGNMENT +
           arch_cpu_info.xsave_bytes + UPCALL_BYTES;
}

/* Lays a thread out in its pages; its name and state are still to be set. */
static struct thread *thread_place(void *pages, size_t page_count)
{
    uintptr_t top = (uintptr_t)pages + page_count * PAGE_BYTES;
    struct thread *thread = (struct thread *)((top - sizeof(struct thread)) &
                                              ~(uintptr_t)(BLOCK_ALIGNMENT - 1));
    uintptr_t block = ((uintptr_t)thread - arch_tls_bytes()) & ~(uintptr_t)(BLOCK_ALIGNMENT - 1);

    *thread = (struct thread){
        .thread_pointer = arch_tls_init((void *)block),
        .stack_low = pages,
        .stack_high = (void *)block,
        .pages = pages,
        .page_count = page_count,
    };
    arch_context_init(&thread->context, thread->stack_high, thread_begin, thread);
    return thread;
}

int thread_create(struct thread **thread, const struct thread_options *options,
                  void (*entry)(void *argument), void *argument)
{
    static const struct thread_options defaults;
    struct thread *new;
    size_t bytes, page_count;
    unsigned state;
    void *pages;
    int error;

    options = options != NULL ? options : &defaults;
    bytes = options->stack_bytes;
    if (bytes == 0)
        bytes = THREAD_STACK_BYTES - overhead_bytes();
    if (bytes > SIZE_MAX / 2 ||
        (options->stack_bytes != 0 && options->stack_bytes < THREAD_STACK_MIN_BYTES))
        return -EINVAL;
    page_count = (bytes + overhead_bytes() + PAGE_BYTES - 1) / PAGE_BYTES;
    error = page_alloc_guarded(page_count, &pages);
    if (error != 0)
        return error;

    new = thread_place(pages, page_count);
    new->entry = entry;
    new->argument = argument;
    new->user = options->user;
    new->detached = options->detached;
    new->system = options->system;
    thread_name_set(new, options->name != NULL ? options->name : "thread");

    /* The caller has the pointer before the thread runs, even if it is preempted at once. */
    *thread = new;
    state = upcalls_mask();
    sched_start_upcalls();
    metrics.threads_created++;
    metrics.threads_live += !new->system;
    sched_make_runnable(new);
    upcalls_restore(state);
    return 0;
}

void thread_free(struct thread *thread)
{
    if (thread->pages != NULL)
        page_free_guarded(thread->pages, thread->page_count);
}

void thread_exit(void)
{
    struct thread *self = thread_self();
    unsigned state;

    if (thread_exit_hook != NULL)
        thread_exit_hook();
    state = upcalls_mask();
    kassert(state == 0);
    if (!self->system && --metrics.threads_live == 0)
        kernel_exit(0);
    self->state = THREAD_DEAD;
    /* Whoever frees this stack runs only after the switch below has left it: masked until then. */
    if (self->detached)
        cpu_self()->dead = self;
    else if (self->joiner != NULL)
        thread_unpark(self->joiner);
    sched_switch(0);
    panic("thread %s runs after its end", self->name);
}

int thread_join(struct thread *thread)
{
    unsigned state;

    if (thread == thread_self())
        return -EDEADLK;
    state = upcalls_mask();
    if (thread->detached || thread->joiner != NULL) {
        upcalls_restore(state);
        return -EINVAL;
    }
    thread->joiner = thread_self();
    while (thread->state != THREAD_DEAD) {
        /* An end between the unmasking and the park leaves a token: the park returns at once. */
        upcalls_restore(state);
        thread_park(NO_DEADLINE);
        state = upcalls_mask();
    }
    upcalls_restore(state);
    thread_free(thread);
    return 0;
}

int thread_detach(struct thread *thread)
{
    unsigned state = upcalls_mask();
    bool refused = thread->detached || thread->joiner != NULL;
    bool dead = thread->state == THREAD_DEAD;

    if (!refused)
        thread->detached = true;
    upcalls_restore(state);
    if (refused)
        return -EINVAL;
    if (dead)
        thread_free(thread);
    return 0;
}

static void park_expired(struct timer *timer)
{
    struct thread *thread = timer->context;

    if (thread->state != THREAD_PARKED)
        return;
    thread->timed_out = true;
    metrics.wakeups++;
    sched_make_runnable(thread);
}

/*
 * No wake-up is lost between park and unpark. Both run with upcalls masked, so each is one step to
 * the other:
 * 1. An unpark before the park finds the thread not PARKED and leaves the token, which the park
 *    takes instead of sleeping.
 * 2. An unpark after the park finds PARKED and queues the thread.
 * 3. Between setting PARKED and the switch nothing can run: events that come are pending, and
 *    sched_switch looks at them before it waits.
 */
int thread_park(uint64_t deadline_ns)
{
    struct thread *self = thread_self();
    unsigned state = upcalls_mask();
    uint64_t now_ns = 0;
    int result = 0;

    kassert(state == 0);
    if (self->token) {
        self->token = false;
        goto out;
    }
    if (deadline_ns != NO_DEADLINE) {
        now_ns = clock_recent_ns();
        if (deadline_ns <= now_ns) {
            if (!cpu_self()->upcalls_on)
                sched_events();
            result = -ETIMEDOUT;
            goto out;
        }
        self->timer.context = self;
        timer_insert(&self->timer, deadline_ns, park_expired);
    }
    self->timed_out = false;
    self->state = THREAD_PARKED;
    sched_switch(now_ns);
    self->woken = false;
    timer_cancel(&self->timer);
    if (self->timed_out)
        result = -ETIMEDOUT;
out:
    upcalls_restore(state);
    return result;
}

void thread_unpark(struct thread *thread)
{
    unsigned state = upcalls_mask();

    if (thread->state == THREAD_PARKED) {
        metrics.wakeups++;
        thread->woken = !thread->timer.armed;
        sched_make_runnable(thread);
    } else {
        thread->token = true;
    }
    upcalls_restore(state);
}

void thread_unpark_undo(struct thread *thread)
{
    unsigned state = upcalls_mask();

    if (thread->woken && sched_take_back(thread)) {
        thread->woken = false;
        thread->state = THREAD_PARKED;
    }
    upcalls_restore(state);
}

void thread_sleep_until(uint64_t deadline_ns)
{
    while (clock_now_ns() < deadline_ns)
        thread_park(deadline_ns);
}
