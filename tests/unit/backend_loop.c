/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/loop.c */
/* libs: -pthread */
/* The event loop: descriptors watched, paused and reused, timers, and its end. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop.h"

static struct loop *loop;
static int fds[3];
static unsigned calls[3];
static unsigned timer_calls;

static int setup(void **state)
{
    (void)state;
    memset(calls, 0, sizeof(calls));
    timer_calls = 0;
    for (int i = 0; i < 3; i++)
        fds[i] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); /* readable from the start */
    return loop_create(&loop);
}

static int teardown(void **state)
{
    (void)state;
    loop_destroy(loop);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void stop(void *context, uint32_t epoll_events)
{
    (void)context;
    assert_int_equal(epoll_events, 0);
    loop_stop(loop);
}

static void run_for_ms(unsigned ms)
{
    assert_int_equal(loop_timer(loop, now_ns() + ms * 1000000u, stop, NULL), 0);
    loop_run(loop);
}

static void count_and_pause(void *context, uint32_t epoll_events)
{
    unsigned index = (unsigned)((int *)context - fds);

    assert_int_equal(epoll_events, EPOLLIN);
    calls[index]++;
    assert_int_equal(loop_change(loop, fds[index], 0), 0);
}

static void test_watch_and_pause(void **state)
{
    (void)state;
    assert_int_equal(loop_watch(loop, fds[0], EPOLLIN, count_and_pause, &fds[0]), 0);
    assert_int_equal(loop_watch(loop, fds[0], EPOLLIN, count_and_pause, &fds[0]), -EEXIST);
    assert_int_equal(loop_watch(loop, fds[1], 0, count_and_pause, &fds[1]), 0);
    assert_int_equal(loop_change(loop, fds[2], EPOLLIN), -ENOENT);
    run_for_ms(20);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 0); /* paused from the start */
}

static void test_refused_descriptors(void **state)
{
    int null = open("/dev/null", O_RDONLY);

    (void)state;
    assert_int_equal(loop_watch(loop, -1, EPOLLIN, count_and_pause, &fds[0]), -EBADF);
    assert_int_equal(loop_watch(loop, 900, EPOLLIN, count_and_pause, &fds[0]), -EBADF);
    assert_int_equal(loop_watch(loop, null, EPOLLIN, count_and_pause, &fds[0]), -EPERM);
    assert_int_equal(loop_change(loop, null, 0), -ENOENT);
    close(null);
}

static void never(void *context, uint32_t epoll_events)
{
    (void)context;
    (void)epoll_events;
    fail();
}

static void pause_all(void *context, uint32_t epoll_events)
{
    (void)epoll_events;
    calls[(int *)context - fds]++;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(loop_change(loop, fds[i], 0), 0);
}

/* All three are ready in one batch; the first one called pauses the others, which must stay so. */
static void test_paused_within_a_batch(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        loop_watch(loop, fds[i], EPOLLIN, pause_all, &fds[i]);
    run_for_ms(20);
    assert_int_equal(calls[0] + calls[1] + calls[2], 1);
}

static void replace_all(void *context, uint32_t epoll_events)
{
    (void)epoll_events;
    calls[(int *)context - fds]++;
    for (unsigned i = 0; i < 3; i++) {
        loop_unwatch(loop, fds[i]);
        assert_int_equal(loop_watch(loop, fds[i], EPOLLPRI, never, NULL), 0);
    }
}

/* Likewise, but others take the numbers: they must not hear of events from before their time. */
static void test_replaced_within_a_batch(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        loop_watch(loop, fds[i], EPOLLIN, replace_all, &fds[i]);
    run_for_ms(20);
    assert_int_equal(calls[0] + calls[1] + calls[2], 1);
}

static void again(void *context, uint32_t epoll_events)
{
    (void)epoll_events;
    if (++timer_calls < 5)
        loop_timer(loop, 0, again, context);
}

static uint64_t fired_at;

static void note_time(void *context, uint32_t epoll_events)
{
    (void)context;
    (void)epoll_events;
    assert_int_equal(fired_at, 0);
    fired_at = now_ns();
}

static void test_timers(void **state)
{
    uint64_t begin = now_ns(), deadline = begin + 10000000;

    (void)state;
    fired_at = 0;
    assert_int_equal(loop_timer(loop, 0, again, NULL), 0);
    assert_int_equal(loop_timer(loop, begin + 5000000, never, NULL), 0);
    assert_int_equal(loop_timer(loop, UINT64_MAX, never, NULL), 0); /* cancelled */
    assert_int_equal(loop_timer(loop, begin, note_time, NULL), 0);
    assert_int_equal(loop_timer(loop, deadline, note_time, NULL), 0); /* replaced */
    run_for_ms(40);
    assert_int_equal(timer_calls, 5);
    assert_true(fired_at >= deadline);
}

static void test_too_many_timers(void **state)
{
    static char contexts[1000];
    unsigned set = 0;

    (void)state;
    while (set < 999 && loop_timer(loop, UINT64_MAX - 1, never, &contexts[set]) == 0)
        set++;
    assert_in_range(set, 90, 998); /* three for each of thirty devices */
    assert_int_equal(loop_timer(loop, UINT64_MAX - 1, never, &contexts[set]), -ENOSPC);
    loop_timer(loop, UINT64_MAX, never, &contexts[0]);
    assert_int_equal(loop_timer(loop, UINT64_MAX - 1, never, &contexts[set]), 0);
}

static void *stop_soon(void *context)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    loop_stop(context);
    return NULL;
}

static void test_stop_from_elsewhere(void **state)
{
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, stop_soon, loop);
    loop_run(loop); /* nothing else would end it */
    pthread_join(thread, NULL);
    loop_run(loop); /* stopped is stopped */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_watch_and_pause),
        TEST(test_refused_descriptors),
        TEST(test_paused_within_a_batch),
        TEST(test_replaced_within_a_batch),
        TEST(test_timers),
        TEST(test_too_many_timers),
        TEST(test_stop_from_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
