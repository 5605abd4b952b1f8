/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/timer.c tests/unit/kernel/fake.c */
/* Timers against a plain list of deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/fake.h"
#include "kernel/metrics.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

#define TIMERS 200u

static struct timer timers[TIMERS];
static uint64_t last_deadline_ns;
static unsigned expired;

static void note(struct timer *timer)
{
    assert_false(timer->armed);
    assert_true(timer->deadline_ns >= last_deadline_ns); /* in order */
    last_deadline_ns = timer->deadline_ns;
    expired++;
}

static void expires_in_order(void **state)
{
    static const uint64_t deadlines[] = {50, 10, 40, 40, 20, 30};

    (void)state;
    assert_true(timer_next_deadline() == NO_DEADLINE);
    for (unsigned i = 0; i < 6; i++)
        timer_arm(&timers[i], deadlines[i], note);
    assert_int_equal(timer_next_deadline(), 10);
    timer_expire(9);
    assert_int_equal(expired, 0);
    timer_expire(30);
    assert_int_equal(expired, 3);
    assert_int_equal(timer_next_deadline(), 40);
    timer_cancel(&timers[0]);
    timer_cancel(&timers[0]); /* not armed: nothing */
    timer_expire(UINT64_MAX - 1);
    assert_int_equal(expired, 5);
    assert_true(timer_next_deadline() == NO_DEADLINE);
}

static void rearming_replaces_the_deadline(void **state)
{
    (void)state;
    expired = 0;
    last_deadline_ns = 0;
    timer_arm(&timers[0], 100, note);
    timer_arm(&timers[1], 50, note);
    timer_arm(&timers[0], 20, note);
    assert_int_equal(timer_next_deadline(), 20);
    timer_arm(&timers[0], 200, note);
    assert_int_equal(timer_next_deadline(), 50);
    timer_expire(100);
    assert_int_equal(expired, 1);
    timer_expire(200);
    assert_int_equal(expired, 2);
}

static void again(struct timer *timer)
{
    expired++;
    timer_arm(timer, 5, again); /* the past */
}

static void a_callback_that_arms_the_past_does_not_hang(void **state)
{
    (void)state;
    expired = 0;
    timer_arm(&timers[0], 5, again);
    timer_expire(1000);
    assert_int_equal(expired, 1);
    assert_int_equal(timer_next_deadline(), 5);
    timer_cancel(&timers[0]);
}

static void cancel_next(struct timer *timer)
{
    expired++;
    timer_cancel(timer + 1);
}

static void a_callback_may_cancel_another(void **state)
{
    (void)state;
    expired = 0;
    timer_arm(&timers[0], 1, cancel_next);
    timer_arm(&timers[1], 2, note);
    timer_expire(10);
    assert_int_equal(expired, 1);
    assert_false(timers[1].armed);
}

static uint64_t earliest(void)
{
    uint64_t least = NO_DEADLINE;

    for (unsigned i = 0; i < TIMERS; i++) {
        if (timers[i].armed && timers[i].deadline_ns < least)
            least = timers[i].deadline_ns;
    }
    return least;
}

static void agrees_with_a_list(void **state)
{
    uint64_t now_ns = 0;

    (void)state;
    srand(11);
    for (unsigned step = 0; step < 50000; step++) {
        struct timer *timer = &timers[(unsigned)rand() % TIMERS];

        switch (rand() % 8) {
        case 0:
            timer_cancel(timer);
            break;
        case 1:
            last_deadline_ns = 0;
            now_ns += (unsigned)rand() % 100;
            timer_expire(now_ns);
            assert_true(earliest() > now_ns);
            break;
        default:
            timer_arm(timer, now_ns + (unsigned)rand() % 1000, note);
            break;
        }
        assert_true(timer_next_deadline() == earliest());
    }
    last_deadline_ns = 0;
    timer_expire(UINT64_MAX - 1);
    assert_true(timer_next_deadline() == NO_DEADLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expires_in_order),
        cmocka_unit_test(rearming_replaces_the_deadline),
        cmocka_unit_test(a_callback_that_arms_the_past_does_not_hang),
        cmocka_unit_test(a_callback_may_cancel_another),
        cmocka_unit_test(agrees_with_a_list),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
