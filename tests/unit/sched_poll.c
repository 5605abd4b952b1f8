/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/kernel/threads.h */
/* When an idle CPU looks for a disk's answer, and when it sleeps; with the fake time of sched.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/event.h"
#include "kernel/fake.h"
#include "kernel/metrics.h"
#include "kernel/sched.h"
#include "kernel/threads.h"

static uint64_t answer_at_ns, look_takes_ns;

static void a_look_takes_time(void)
{
    fake.now_ns += look_takes_ns;
    if (fake.now_ns >= answer_at_ns)
        fake_event(5);
}

static void sleep_until_the_answer(void)
{
    fake.now_ns = answer_at_ns;
    fake_event(5);
}

/* Parks until a disk's answer, which takes so long: how often did the CPU sleep, and not look? */
static unsigned sleeps_for(uint64_t takes_ns)
{
    uint64_t polls = metrics.polls;
    unsigned sleeps = fake.waits;

    answer_at_ns = fake.now_ns + takes_ns;
    assert_int_equal(thread_park(NO_DEADLINE), 0);
    sleeps = fake.waits - sleeps;
    assert_int_equal(metrics.polls - polls, sleeps == 0);
    return sleeps;
}

static void polling_begin(uint32_t poll_ns)
{
    cpu_boot.poll_ns = poll_ns;
    cpu_boot.polls_failed = 0;
    event_handle(5, unpark_context, thread_self());
    look_takes_ns = MS / 100;
    fake.on_clock = a_look_takes_time;
    fake.on_wait = sleep_until_the_answer;
}

static void polling_end(void)
{
    fake.on_clock = fake.on_wait = NULL;
    cpu_boot.poll_ns = 0;
}

/* While a disk works, what comes soon is looked for; once it has often not come, rarely, until it does
 * again. */
static void a_quick_answer_is_looked_for(void **state)
{
    unsigned sleeps = 0;

    (void)state;
    polling_begin(MS);
    assert_int_equal(sleeps_for(MS / 2), 1); /* nobody has asked a disk */
    sched_answers_due(2);
    sched_answers_due(-1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(sleeps_for(MS / 2), 0);
    assert_int_equal(sleeps_for(5 * MS), 1);
    assert_int_equal(sleeps_for(MS / 2), 0);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(sleeps_for(5 * MS), 1);
    for (unsigned i = 0; i < 2000; i++)
        sleeps += sleeps_for(MS / 2);
    assert_in_range(sleeps, 200, 800);
    assert_int_equal(sleeps_for(MS / 2), 0);
    sched_answers_due(-1);
    assert_int_equal(sleeps_for(MS / 2), 1);
    assert_int_equal(cpu_boot.answers_due, 0);
    polling_end();
}

/* Others need the CPU: the host lets the next look wait, though the answer comes in time. */
static void who_loses_the_cpu_looks_rarely(void **state)
{
    unsigned sleeps = 0;

    (void)state;
    polling_begin(MS);
    sched_answers_due(1);
    look_takes_ns = MS / 5;
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(sleeps_for(MS / 2), 0);
    look_takes_ns = MS / 3;
    for (unsigned i = 0; i < 200; i++)
        sleeps += sleeps_for(MS / 2);
    assert_in_range(sleeps, 150, 199);
    sched_answers_due(-1);
    polling_end();
}

static void without_advice_no_answer_is_looked_for(void **state)
{
    (void)state;
    polling_begin(0);
    sched_answers_due(1);
    assert_int_equal(sleeps_for(1), 1);
    assert_int_equal(sleeps_for(0), 1);
    sched_answers_due(-1);
    polling_end();
}

static void looking_for_an_answer_keeps_deadlines(void **state)
{
    unsigned sleeps = fake.waits;
    uint64_t deadline_ns;

    (void)state;
    polling_begin(MS);
    sched_answers_due(1);
    fake.on_wait = NULL;
    answer_at_ns = NO_DEADLINE;
    deadline_ns = fake.now_ns + MS / 5;
    assert_int_equal(thread_park(deadline_ns), -ETIMEDOUT);
    assert_in_range(fake.now_ns, deadline_ns, deadline_ns + MS / 20);
    assert_int_equal(fake.waits, sleeps); /* it has come: nothing to sleep for */
    sched_answers_due(-1);
    polling_end();
}

#define test(name) cmocka_unit_test_setup_teardown(name, threads_reset, threads_check_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_quick_answer_is_looked_for),
        test(who_loses_the_cpu_looks_rarely),
        test(without_advice_no_answer_is_looked_for),
        test(looking_for_an_answer_keeps_deadlines),
    };

    return cmocka_run_group_tests_name("sched_poll", tests, threads_start, NULL);
}
