/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/sched.c kernel/thread.c kernel/sync.c kernel/timer.c kernel/event.c */
/* sources: kernel/page.c kernel/bitmap.c */
/* sources: arch/x86_64/context.c arch/x86_64/switch.S tests/unit/kernel/fake.c */
/* sources: tests/unit/kernel/fake_ram.c */
/* cflags: --param asan-stack=0 */
/*
 * Threads, the scheduler and what blocks on it, with real stacks and switches but a fake time: a
 * wait lets time pass, and an upcall comes exactly where the test says. (The sanitizer cannot
 * follow frames that a thread's end abandons, so it leaves the stacks alone here.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/bootrec.h"
#include "kernel/errno.h"
#include "kernel/event.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

#define MS 1000000ull
#define RAM_PAGES 2048u

static char trace[256];
static struct mutex mutex;
static struct cond cond;
static unsigned turn;

static int start(void **state)
{
    (void)state;
    fake_ram_start(RAM_PAGES);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    memset(trace, 0, sizeof(trace));
    memset(&mutex, 0, sizeof(mutex));
    memset(&cond, 0, sizeof(cond));
    fake.on_wait = NULL;
    turn = 0;
    return 0;
}

/* Nothing may be left behind: no thread, no page, no timer. */
static int check_clean(void **state)
{
    (void)state;
    if (metrics.threads_live != 1 || page_in_use() != 0 || timer_next_deadline() != NO_DEADLINE)
        return -1;
    return mutex.owner == NULL && waitq_empty(&mutex.waiters) && waitq_empty(&cond.waiters) ? 0
                                                                                            : -1;
}

static void note(char c)
{
    trace[strlen(trace)] = c;
}

/* What the other side's upcall does to a running thread. */
static void interrupt(void)
{
    unsigned state = upcalls_mask();

    kernel_upcall();
    upcalls_restore(state);
}

/* For texts as arguments: nobody writes to them. */
static void *writable(const void *argument)
{
    return (void *)(uintptr_t)argument;
}

static struct thread *run(void (*entry)(void *), const void *argument)
{
    struct thread *thread;

    assert_int_equal(thread_create(&thread, NULL, entry, writable(argument)), 0);
    return thread;
}

static void note_argument(void *argument)
{
    note(*(const char *)argument);
}

static void threads_run_in_order_and_are_joined(void **state)
{
    struct thread *a = run(note_argument, "a"), *b = run(note_argument, "b");

    (void)state;
    assert_string_equal(trace, "");
    assert_int_equal(thread_join(b), 0);
    assert_string_equal(trace, "ab");
    assert_int_equal(thread_join(a), 0);
}

static void look_at_myself(void *argument)
{
    void *low, *high;

    thread_stack(thread_self(), &low, &high);
    assert_in_range((uintptr_t)&low, (uintptr_t)low, (uintptr_t)high);
    assert_true((uintptr_t)high - (uintptr_t)low >= 32 * 1024);
    memset(low, 0x11, 1024); /* the deepest end is there */
    assert_string_equal(thread_name(thread_self()), "a rather long n");
    assert_ptr_equal(thread_user(thread_self()), argument);
    thread_user_set(thread_self(), NULL);
}

static void a_thread_has_its_name_its_stack_its_user(void **state)
{
    struct thread_options options = {
        .name = "a rather long name", .stack_bytes = 32 * 1024, .user = trace};
    struct thread *thread;

    (void)state;
    assert_int_equal(thread_create(&thread, &options, look_at_myself, trace), 0);
    assert_int_equal(thread_join(thread), 0);
    assert_string_equal(thread_name(thread_self()), "main");
}

static void joins_that_cannot_be_are_refused(void **state)
{
    struct thread_options detached = {.detached = true}, tiny = {.stack_bytes = 100};
    struct thread_options huge = {.stack_bytes = RAM_PAGES * PAGE_BYTES};
    struct thread *thread;

    (void)state;
    assert_int_equal(thread_join(thread_self()), -EDEADLK);
    assert_int_equal(thread_create(&thread, &tiny, note_argument, writable("x")), -EINVAL);
    assert_int_equal(thread_create(&thread, &huge, note_argument, writable("x")), -ENOMEM);
    huge.stack_bytes = SIZE_MAX;
    assert_int_equal(thread_create(&thread, &huge, note_argument, writable("x")), -EINVAL);
    assert_int_equal(thread_create(&thread, &detached, note_argument, writable("d")), 0);
    assert_int_equal(thread_join(thread), -EINVAL);
    assert_int_equal(thread_detach(thread), -EINVAL);
    thread_yield();
    thread_yield();
    assert_string_equal(trace, "d");
    thread = run(note_argument, "e");
    thread_yield(); /* it has ended: detaching frees it */
    assert_int_equal(thread_detach(thread), 0);
}

static void park_forever(void *argument)
{
    (void)argument;
    thread_park(NO_DEADLINE);
    note('p');
}

static void an_early_unpark_is_not_lost(void **state)
{
    struct thread *thread;

    (void)state;
    thread_unpark(thread_self());
    thread_unpark(thread_self()); /* two are one */
    assert_int_equal(thread_park(NO_DEADLINE), 0);
    assert_int_equal(thread_park(fake.now_ns + MS), -ETIMEDOUT);
    thread = run(park_forever, NULL);
    thread_unpark(thread);
    assert_int_equal(thread_join(thread), 0);
    thread = run(park_forever, NULL);
    thread_yield(); /* now it is parked */
    thread_unpark(thread);
    assert_int_equal(thread_join(thread), 0);
    assert_string_equal(trace, "pp");
}

static void a_park_ends_at_its_deadline(void **state)
{
    uint64_t before_ns = fake.now_ns;

    (void)state;
    assert_int_equal(thread_park(before_ns + 5 * MS), -ETIMEDOUT);
    assert_int_equal(fake.now_ns, before_ns + 5 * MS);
    assert_int_equal(fake.waited_for_ns, before_ns + 5 * MS);
    assert_int_equal(thread_park(0), -ETIMEDOUT); /* long past */
    thread_sleep_until(fake.now_ns + 7);
    assert_int_equal(fake.now_ns, before_ns + 5 * MS + 7);
}

static void sleep_then_note(void *argument)
{
    const char *text = argument;

    thread_sleep_until(fake.now_ns + (uint64_t)(text[0] - '0') * MS);
    note(text[0]);
}

static void sleepers_wake_in_the_order_of_their_deadlines(void **state)
{
    struct thread *threads[4];

    (void)state;
    threads[0] = run(sleep_then_note, "3");
    threads[1] = run(sleep_then_note, "1");
    threads[2] = run(sleep_then_note, "4");
    threads[3] = run(sleep_then_note, "2");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(thread_join(threads[i]), 0);
    assert_string_equal(trace, "1234");
}

static void unpark_context(void *context)
{
    thread_unpark(context);
}

static void raise_event_five(void)
{
    fake_event(5);
}

static void an_event_wakes_who_waits(void **state)
{
    uint64_t before_ns = fake.now_ns;

    (void)state;
    assert_int_equal(event_handle(5, unpark_context, thread_self()), 0);
    fake.on_wait = raise_event_five;
    assert_int_equal(thread_park(NO_DEADLINE), 0);
    assert_int_equal(fake.now_ns, before_ns);
    /* One that is pending already: the wait does not sleep. */
    fake.on_wait = NULL;
    fake_event(5);
    assert_int_equal(thread_park(NO_DEADLINE), 0);
    assert_int_equal(event_handle(0, unpark_context, NULL), -EINVAL);
    assert_int_equal(event_handle(1, unpark_context, NULL), -EINVAL);
    assert_int_equal(event_handle(256, unpark_context, NULL), -EINVAL);
}

static void an_event_that_came_while_masked_is_handled_when_unmasking(void **state)
{
    unsigned outer, inner;

    (void)state;
    event_handle(6, note_argument, writable("6"));
    outer = upcalls_mask();
    inner = upcalls_mask();
    fake_event(6);
    upcalls_restore(inner);
    assert_string_equal(trace, "");
    upcalls_restore(outer);
    assert_string_equal(trace, "6");
}

static void compute(void *argument)
{
    for (unsigned i = 0; i < 4; i++) {
        note(*(const char *)argument);
        fake.now_ns += 6 * MS; /* two of these are more than a slice */
        interrupt();
    }
}

static void threads_that_compute_take_turns(void **state)
{
    struct thread *a = run(compute, "a"), *b = run(compute, "b");
    uint64_t preemptions = metrics.preemptions;

    (void)state;
    assert_int_equal(thread_join(a), 0);
    assert_int_equal(thread_join(b), 0);
    assert_string_equal(trace, "aabbaabb");
    assert_true(metrics.preemptions - preemptions >= 2);
}

static void nobody_is_preempted_for_nobody(void **state)
{
    uint64_t switches = metrics.context_switches;

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        fake.now_ns += 20 * MS;
        interrupt();
    }
    assert_int_equal(metrics.context_switches, switches);
}

/* Arming costs a hypercall: it happens for an earlier deadline only, and again when that has come.
 */
static void the_timer_is_set_when_it_must_be(void **state)
{
    struct timer timer = {0}, later = {0};
    struct thread *thread;
    unsigned sets;

    (void)state;
    fake_event(0); /* what was armed before has fired */
    interrupt();
    sets = fake.timer_sets;
    timer_arm(&timer, fake.now_ns + 50 * MS, NULL);
    assert_int_equal(fake.timer_sets, sets + 1);
    assert_int_equal(fake.timer_ns, fake.now_ns + 50 * MS);
    timer_arm(&later, fake.now_ns + 80 * MS, NULL);
    assert_int_equal(fake.timer_sets, sets + 1);
    thread = run(park_forever, NULL); /* someone else may run: the slice's end */
    assert_int_equal(fake.timer_sets, sets + 2);
    assert_true(fake.timer_ns <= fake.now_ns + 10 * MS);
    thread_yield();
    timer_cancel(&timer);
    timer_cancel(&later);
    thread_unpark(thread);
    assert_int_equal(fake.timer_sets, sets + 2); /* one that is early will do */
    thread_join(thread);
    assert_int_equal(fake.timer_sets, sets + 2);
}

static void lock_and_note(void *argument)
{
    mutex_lock(&mutex);
    assert_true(mutex_held(&mutex));
    note(*(const char *)argument);
    thread_yield();
    note(*(const char *)argument);
    mutex_unlock(&mutex);
}

static void a_mutex_is_handed_over_in_order(void **state)
{
    struct thread *a, *b, *c;

    (void)state;
    assert_true(mutex_try(&mutex));
    assert_false(mutex_try(&mutex));
    a = run(lock_and_note, "a");
    b = run(lock_and_note, "b");
    c = run(lock_and_note, "c");
    thread_yield(); /* all three wait */
    assert_string_equal(trace, "");
    mutex_unlock(&mutex);
    assert_false(mutex_held(&mutex));
    mutex_lock(&mutex); /* behind the others */
    assert_string_equal(trace, "aabbcc");
    mutex_unlock(&mutex);
    thread_join(a);
    thread_join(b);
    thread_join(c);
}

static void a_mutex_can_be_given_up_on(void **state)
{
    struct thread *holder = run(lock_and_note, "h");

    (void)state;
    thread_yield();
    assert_int_equal(mutex_lock_until(&mutex, fake.now_ns), -ETIMEDOUT);
    assert_int_equal(mutex_lock_until(&mutex, fake.now_ns + MS), 0);
    mutex_unlock(&mutex);
    thread_join(holder);
}

static void lock_then_park(void *argument)
{
    (void)argument;
    mutex_lock(&mutex);
    mutex_unlock(&mutex);
    thread_park(NO_DEADLINE);
    note('p');
}

/* Who looks at something under a mutex and then parks is told of a change in between, even if it
 * comes while the thread waits for that mutex. */
static void an_unpark_is_not_lost_in_a_wait_for_a_mutex(void **state)
{
    struct thread *thread = run(lock_then_park, NULL);

    (void)state;
    mutex_lock(&mutex);
    thread_yield(); /* now it waits for the mutex */
    thread_unpark(thread);
    thread_yield(); /* it does so again */
    mutex_unlock(&mutex);
    assert_int_equal(thread_join(thread), 0);
    assert_string_equal(trace, "p");
}

static void lock_within_a_millisecond(void *argument)
{
    (void)argument;
    assert_int_equal(mutex_lock_until(&mutex, fake.now_ns + MS), 0);
    mutex_unlock(&mutex);
}

static void wait_for_a_millisecond(void *argument)
{
    (void)argument;
    mutex_lock(&mutex);
    assert_int_equal(cond_wait_until(&cond, &mutex, fake.now_ns + MS), 0);
    mutex_unlock(&mutex);
}

/* The deadline passes, and before the thread runs it is given what it waited for after all. */
static void what_comes_with_the_deadline_counts(void **state)
{
    struct thread *locker, *waiter = run(wait_for_a_millisecond, NULL);

    (void)state;
    thread_yield();
    mutex_lock(&mutex);
    locker = run(lock_within_a_millisecond, NULL);
    thread_yield();
    fake.now_ns += 2 * MS;
    interrupt(); /* both are runnable now, but this thread's slice is not over */
    cond_signal(&cond);
    mutex_unlock(&mutex);
    assert_int_equal(thread_join(waiter), 0);
    assert_int_equal(thread_join(locker), 0);
}

static void consume(void *argument)
{
    mutex_lock(&mutex);
    while (turn == 0)
        assert_int_equal(cond_wait_until(&cond, &mutex, NO_DEADLINE), 0);
    turn--;
    note(*(const char *)argument);
    mutex_unlock(&mutex);
}

static void a_condition_wakes_one_or_all(void **state)
{
    struct thread *threads[4];
    static const char *const names[] = {"a", "b", "c", "d"};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        threads[i] = run(consume, names[i]);
    thread_yield();
    cond_signal(&cond); /* without reason: it waits again, behind the others */
    thread_yield();
    assert_string_equal(trace, "");
    mutex_lock(&mutex);
    turn = 1;
    cond_signal(&cond);
    mutex_unlock(&mutex);
    thread_yield();
    thread_yield();
    assert_string_equal(trace, "b");
    mutex_lock(&mutex);
    turn = 3;
    cond_broadcast(&cond);
    mutex_unlock(&mutex);
    for (unsigned i = 0; i < 4; i++)
        thread_join(threads[i]);
    assert_string_equal(trace, "bcda");
}

static void a_condition_times_out_and_holds_the_mutex_again(void **state)
{
    (void)state;
    mutex_lock(&mutex);
    assert_int_equal(cond_wait_until(&cond, &mutex, fake.now_ns + MS), -ETIMEDOUT);
    assert_true(mutex_held(&mutex));
    mutex_unlock(&mutex);
}

static void count_wake(struct waiter *waiter)
{
    ++*(unsigned *)waiter->context;
}

static void leave_when_woken(struct waiter *waiter)
{
    count_wake(waiter);
    waitq_remove(waiter);
}

static void a_queue_wakes_in_order_whoever_stays_or_leaves(void **state)
{
    unsigned counts[3] = {0};
    struct waiter waiters[3] = {{.wake = leave_when_woken, .context = &counts[0]},
                                {.wake = count_wake, .context = &counts[1]},
                                {.wake = leave_when_woken, .context = &counts[2]}};
    struct waitq queue = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        waitq_add(&queue, &waiters[i]);
    waitq_wake(&queue, 2);
    assert_memory_equal(counts, ((unsigned[]){1, 1, 0}), sizeof(counts));
    waitq_wake(&queue, UINT32_MAX);
    assert_memory_equal(counts, ((unsigned[]){1, 2, 1}), sizeof(counts));
    assert_false(waitq_empty(&queue));
    assert_panics("assertion", waitq_add(&queue, &waiters[1]));
    upcalls_restore(0); /* the panic left them masked */
    waitq_remove(&waiters[1]);
    waitq_remove(&waiters[1]);
    assert_true(waitq_empty(&queue));
}

static void misuse_panics(void **state)
{
    unsigned mask;

    (void)state;
    mask = upcalls_mask();
    assert_panics("assertion", thread_park(NO_DEADLINE));
    assert_panics("assertion", thread_yield());
    upcalls_restore(mask);
    assert_panics("assertion", mutex_unlock(&mutex));
    upcalls_restore(0);
    mutex_lock(&mutex);
    assert_panics("assertion", mutex_lock(&mutex));
    mutex_unlock(&mutex);
}

/* Random interleavings: every step may be interrupted after more than a slice. */
#define WORKERS 6u
#define ROUNDS 300u

static unsigned items, inside, made, used;

static void maybe_interrupt(void)
{
    fake.now_ns += (unsigned)rand() % (12 * MS);
    if (rand() % 3 == 0)
        interrupt();
}

static void produce_and_consume(void *argument)
{
    bool producer = argument != NULL;

    for (unsigned i = 0; i < ROUNDS; i++) {
        maybe_interrupt();
        mutex_lock(&mutex);
        assert_int_equal(inside++, 0);
        maybe_interrupt();
        while (producer ? items >= 3 : items == 0) {
            inside--;
            cond_wait_until(&cond, &mutex, rand() % 4 != 0 ? NO_DEADLINE : fake.now_ns + MS);
            assert_int_equal(inside++, 0);
            maybe_interrupt();
        }
        items += producer ? 1 : (unsigned)-1;
        *(producer ? &made : &used) += 1;
        maybe_interrupt();
        cond_broadcast(&cond);
        assert_int_equal(--inside, 0);
        mutex_unlock(&mutex);
    }
}

static void nothing_is_lost_however_threads_interleave(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        struct thread *threads[WORKERS];

        srand(seed);
        items = inside = made = used = 0;
        for (uintptr_t i = 0; i < WORKERS; i++)
            threads[i] = run(produce_and_consume, (const void *)(i % 2));
        for (unsigned i = 0; i < WORKERS; i++)
            assert_int_equal(thread_join(threads[i]), 0);
        assert_int_equal(made, WORKERS / 2 * ROUNDS);
        assert_int_equal(used, made);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, reset, check_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_early_unpark_is_not_lost),
        test(a_park_ends_at_its_deadline),
        test(an_event_wakes_who_waits),
        test(threads_run_in_order_and_are_joined),
        test(a_thread_has_its_name_its_stack_its_user),
        test(joins_that_cannot_be_are_refused),
        test(sleepers_wake_in_the_order_of_their_deadlines),
        test(an_event_that_came_while_masked_is_handled_when_unmasking),
        test(threads_that_compute_take_turns),
        test(nobody_is_preempted_for_nobody),
        test(the_timer_is_set_when_it_must_be),
        test(a_mutex_is_handed_over_in_order),
        test(a_mutex_can_be_given_up_on),
        test(an_unpark_is_not_lost_in_a_wait_for_a_mutex),
        test(what_comes_with_the_deadline_counts),
        test(a_condition_wakes_one_or_all),
        test(a_condition_times_out_and_holds_the_mutex_again),
        test(a_queue_wakes_in_order_whoever_stays_or_leaves),
        test(misuse_panics),
        test(nothing_is_lost_however_threads_interleave),
    };

    return cmocka_run_group_tests_name("sync", tests, start, NULL);
}
