/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/kernel/threads.h */
/* sources: kernel/errand.c */
/*
 * The system's errand: who does it, and that none is lost. An event of the other side's asks for it; the
 * trace has an e where it begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errand.h"
#include "kernel/errno.h"
#include "kernel/event.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/metrics.h"
#include "kernel/sync.h"
#include "kernel/threads.h"
#include "kernel/timer.h"

#define EVENT 7u

static struct thread *doer; /* of the last errand */
static struct mutex lock;   /* what the errand needs */
static void (*amid)(void);

static void errand(void)
{
    note('e');
    doer = thread_self();
    mutex_lock(&lock);
    if (amid != NULL)
        amid();
    mutex_unlock(&lock);
}

static void on_event(void *context)
{
    (void)context;
    errand_wanted();
}

static void event_comes(void)
{
    fake_event(EVENT);
}

static int errand_begin(void **state)
{
    threads_start(state);
    event_handle(EVENT, on_event, NULL);
    assert_int_equal(errand_start("errand", 32 * 1024, errand), 0);
    thread_yield(); /* it sleeps */
    return 0;
}

static int reset(void **state)
{
    doer = NULL;
    amid = NULL;
    return threads_reset(state);
}

/* This thread is left beside the errand's, and no timer. */
static int check_clean(void **state)
{
    (void)state;
    return metrics.threads_live != 1 || timer_next_deadline() != NO_DEADLINE ? -1 : 0;
}

static void who_waits_does_it_without_a_switch(void **state)
{
    uint64_t switches = metrics.context_switches;

    (void)state;
    fake.on_wait = event_comes;
    assert_int_equal(errand_park(NO_DEADLINE), 0);
    assert_string_equal(trace, "e");
    assert_ptr_equal(doer, thread_self());
    assert_int_equal(metrics.context_switches, switches);
}

static void two_events_at_once_wake_one_thread(void **state)
{
    uint64_t switches = metrics.context_switches;

    (void)state;
    event_handle(EVENT + 1, on_event, NULL);
    fake_event(EVENT + 1);
    fake.on_wait = event_comes;
    fake_event(EVENT);
    assert_int_equal(errand_park(NO_DEADLINE), 0);
    assert_string_equal(trace, "e");
    assert_int_equal(metrics.context_switches, switches);
}

static void a_deadline_passes_as_in_a_park(void **state)
{
    uint64_t until_ns = fake.now_ns + 5 * MS;

    (void)state;
    assert_int_equal(errand_park(until_ns), -ETIMEDOUT);
    assert_int_equal(fake.now_ns, until_ns);
    thread_unpark(thread_self());
    assert_int_equal(errand_park(NO_DEADLINE), 0);
    assert_string_equal(trace, "");
}

static void its_own_thread_does_it_while_nobody_waits(void **state)
{
    (void)state;
    fake_event(EVENT);
    interrupt();
    assert_string_equal(trace, ""); /* we have only just begun */
    fake.now_ns += MS / 2;
    interrupt();
    assert_string_equal(trace, "e");
    assert_ptr_not_equal(doer, thread_self());
}

static void what_came_before_the_wait_is_done_by_who_waits(void **state)
{
    uint64_t switches;

    (void)state;
    thread_park(fake.now_ns + 1); /* a slice begins */
    for (int i = 0; i < 2; i++) {
        switches = metrics.context_switches;
        fake_event(EVENT);
        interrupt();
        assert_int_equal(errand_park(NO_DEADLINE), 0);
        assert_ptr_equal(doer, thread_self());
        assert_int_equal(metrics.context_switches, switches);
    }
    assert_string_equal(trace, "ee");
    fake_event(EVENT); /* its thread sleeps on, and can be woken */
    thread_yield();
    interrupt();
    thread_yield();
    assert_string_equal(trace, "eee");
    assert_ptr_not_equal(doer, thread_self());
}

/* Its own thread has begun and waits for a lock that it is then given: that it is woken for the lock is
 * not taken back when the errand is wanted once more. */
static void an_errand_that_has_begun_goes_on(void **state)
{
    (void)state;
    mutex_lock(&lock);
    fake_event(EVENT);
    interrupt();
    thread_yield();
    assert_string_equal(trace, "e");
    mutex_unlock(&lock);
    fake_event(EVENT);
    interrupt();
    assert_int_equal(errand_park(NO_DEADLINE), 0);
    assert_true(mutex_try(&lock));
    mutex_unlock(&lock);
    assert_string_equal(trace, "ee");
}

static void wake_main(void)
{
    thread_unpark(thread_self());
    amid = NULL;
}

/* What it wakes its own doer for is seen when errand_park returns: it leaves no token. */
static void a_doer_wakes_itself_once(void **state)
{
    (void)state;
    amid = wake_main;
    fake.on_wait = event_comes;
    assert_int_equal(errand_park(NO_DEADLINE), 0);
    fake.on_wait = NULL;
    assert_int_equal(errand_park(fake.now_ns + MS), -ETIMEDOUT);
}

static void want_again(void)
{
    amid = NULL;
    errand_wanted();
}

static void an_errand_asks_for_itself(void **state)
{
    (void)state;
    amid = want_again;
    fake.on_wait = event_comes;
    assert_int_equal(errand_park(NO_DEADLINE), 0);
    assert_string_equal(trace, "e");
    fake.on_wait = NULL;
    assert_int_equal(errand_park(fake.now_ns + MS), 0);
    assert_int_equal(errand_park(fake.now_ns + MS), -ETIMEDOUT);
    assert_string_equal(trace, "ee");
}

static void wait_once(void *argument)
{
    (void)argument;
    errand_park(NO_DEADLINE);
    note('w');
}

static void a_small_stack_is_spared(void **state)
{
    struct thread_options options = {.name = "small", .stack_bytes = THREAD_STACK_MIN_BYTES};
    struct thread *small;

    (void)state;
    assert_int_equal(thread_create(&small, &options, wait_once, NULL), 0);
    thread_yield();
    fake_event(EVENT);
    interrupt();
    thread_yield();
    assert_string_equal(trace, "e");
    assert_ptr_not_equal(doer, small);
    thread_unpark(small);
    assert_int_equal(thread_join(small), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, reset, check_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(who_waits_does_it_without_a_switch),
        test(two_events_at_once_wake_one_thread),
        test(a_deadline_passes_as_in_a_park),
        test(its_own_thread_does_it_while_nobody_waits),
        test(what_came_before_the_wait_is_done_by_who_waits),
        test(an_errand_that_has_begun_goes_on),
        test(a_doer_wakes_itself_once),
        test(an_errand_asks_for_itself),
        test(a_small_stack_is_spared),
    };

    return cmocka_run_group_tests_name("errand", tests, errand_begin, NULL);
}
