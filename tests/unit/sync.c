/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/kernel/threads.h */
/*
 * What blocks threads: mutexes, conditions, wait queues; with real stacks and switches but a fake
 * time, as in sched.c.
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
#include "kernel/threads.h"
#include "kernel/timer.h"

static struct mutex mutex;
static struct cond cond;
static unsigned turn;

static int reset(void **state)
{
    memset(&mutex, 0, sizeof(mutex));
    memset(&cond, 0, sizeof(cond));
    turn = 0;
    return threads_reset(state);
}

static int check_clean(void **state)
{
    if (mutex.owner != NULL || !waitq_empty(&mutex.waiters) || !waitq_empty(&cond.waiters))
        return -1;
    return threads_check_clean(state);
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

static void lock_soon(void *argument)
{
    (void)argument;
    assert_int_equal(mutex_lock_until(&mutex, fake.now_ns + MS / 10), 0);
    mutex_unlock(&mutex);
}

static void wait_shortly(void *argument)
{
    (void)argument;
    mutex_lock(&mutex);
    assert_int_equal(cond_wait_until(&cond, &mutex, fake.now_ns + MS / 10), 0);
    mutex_unlock(&mutex);
}

/* The deadline passes, and before the thread runs it is given what it waited for after all. */
static void what_comes_with_the_deadline_counts(void **state)
{
    struct thread *locker, *waiter = run(wait_shortly, NULL);

    (void)state;
    thread_yield();
    mutex_lock(&mutex);
    locker = run(lock_soon, NULL);
    thread_yield();
    fake.now_ns += MS / 5;
    interrupt(); /* both are runnable now, but this thread has only begun its slice */
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

    return cmocka_run_group_tests_name("sync", tests, threads_start, NULL);
}
