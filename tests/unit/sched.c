/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/kernel/threads.h */
/*
 * Threads and the scheduler, with real stacks and switches but a fake time: a wait lets time pass,
 * and an upcall comes exactly where the test says. (The sanitizer cannot follow frames that a
 * thread's end abandons, so it leaves the stacks alone here.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/event.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/sched.h"
#include "kernel/threads.h"
#include "kernel/timer.h"

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

#define HUNG 9

static void hang(void)
{
    _exit(HUNG);
}

/* How a VM ends whose main thread has ended: beside it were two system threads, one that stays and one
 * that ends, and such threads of the program as are asked for. */
static int status_when_main_ends(bool own_left, bool own_ends)
{
    const struct thread_options system = {.detached = true, .system = true};
    struct thread *thread;
    int status;
    pid_t vm;

    fflush(NULL);
    vm = fork();
    if (vm == 0) {
        fake.on_wait = hang;
        thread_create(&thread, &system, park_forever, NULL);
        thread_create(&thread, &system, note_argument, writable("s"));
        if (own_left)
            run(park_forever, NULL);
        if (own_ends)
            run(note_argument, "o");
        thread_exit();
    }
    assert_int_equal(waitpid(vm, &status, 0), vm);
    return WEXITSTATUS(status);
}

static void the_last_thread_of_the_program_ends_the_vm(void **state)
{
    (void)state;
    assert_int_equal(status_when_main_ends(false, false), 0);
    assert_int_equal(status_when_main_ends(false, true), 0);
    assert_int_equal(status_when_main_ends(true, false), HUNG);
    assert_int_equal(status_when_main_ends(true, true), HUNG);
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

static void wake_nobody(void *context)
{
    (void)context;
}

static void let_time_pass(void *context)
{
    (void)context;
    fake.now_ns += 11 * MS;
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

static void wait_for_event_seven(void *argument)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(thread_park(NO_DEADLINE), 0);
        note(*(const char *)argument);
    }
}

/* What an event wakes, and what that wakes, goes before threads that compute, once the running one
 * has had half a millisecond. */
static void an_event_goes_before_computing(void **state)
{
    struct thread *second = run(wait_for_event_seven, "2");
    struct thread *first = run(wait_for_event_seven, "1");
    struct thread *others;

    (void)state;
    thread_yield(); /* both are parked */
    assert_int_equal(event_handle(7, unpark_context, first), 0);
    others = run(compute, "c");
    thread_unpark(second); /* by no event: it stands behind */
    fake_event(7);
    interrupt();
    assert_string_equal(trace, ""); /* we have only just begun */
    fake.now_ns += MS / 2;
    interrupt();
    assert_string_equal(trace, "1cc2");
    trace[0] = '\0';
    thread_unpark(second);
    thread_unpark(first);
    assert_int_equal(thread_join(first), 0);
    assert_int_equal(thread_join(second), 0);
    assert_int_equal(thread_join(others), 0);
}

static void wake_other(void *other)
{
    assert_int_equal(thread_park(NO_DEADLINE), 0);
    note('w');
    thread_unpark(other);
}

/* Urgency is handed on, but not for longer than a slice. */
static void urgency_is_handed_on(void **state)
{
    for (unsigned late = 0; late < 2; late++) {
        struct thread *last = run(park_forever, NULL);
        struct thread *middle = run(wake_other, last);
        struct thread *other;

        thread_yield();
        assert_int_equal(event_handle(7, unpark_context, middle), 0);
        other = run(note_argument, "o");
        event_handle(8, late ? let_time_pass : wake_nobody, NULL);
        fake.now_ns += 20 * MS;
        fake_event(7);
        fake_event(8);
        interrupt();
        assert_int_equal(thread_join(other), 0);
        assert_int_equal(thread_join(last), 0);
        assert_int_equal(thread_join(middle), 0);
    }
    (void)state;
    assert_string_equal(trace, "wpowop");
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

#define test(name) cmocka_unit_test_setup_teardown(name, threads_reset, threads_check_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(threads_run_in_order_and_are_joined),
        test(a_thread_has_its_name_its_stack_its_user),
        test(joins_that_cannot_be_are_refused),
        test(the_last_thread_of_the_program_ends_the_vm),
        test(an_early_unpark_is_not_lost),
        test(a_park_ends_at_its_deadline),
        test(sleepers_wake_in_the_order_of_their_deadlines),
        test(an_event_wakes_who_waits),
        test(an_event_that_came_while_masked_is_handled_when_unmasking),
        test(threads_that_compute_take_turns),
        test(an_event_goes_before_computing),
        test(urgency_is_handed_on),
        test(nobody_is_preempted_for_nobody),
        test(the_timer_is_set_when_it_must_be),
    };

    return cmocka_run_group_tests_name("sched", tests, threads_start, NULL);
}
