/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's balloon and the thread that serves the host's requests: what could not be given or had is
 * tried again, and pages that are given are neither lost nor used. */
/* sources: kernel/balloon.c kernel/system.c kernel/page.c kernel/bitmap.c */
/* sources: tests/unit/kernel/fake.c tests/unit/kernel/fake_ram.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/balloon.h"
#include "kernel/errno.h"
#include "kernel/event.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/page.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

#define RAM_PAGES 2048u
#define BALLOON_AGAIN_NS 10000000000ull
#define SECOND_NS 1000000000ull

static size_t host_pages; /* that the host has */
static size_t host_room;  /* how many it takes at most */
static bool host_is_full; /* it gives none back */

static int memory_give(void *page)
{
    if (host_pages == host_room)
        return -ENOMEM;
    host_pages++;
    memset(page, 0xa5, PAGE_BYTES); /* nobody reads that */
    return 0;
}

static int memory_take(void *page)
{
    (void)page;
    if (host_is_full)
        return -ENOMEM;
    host_pages--;
    return 0;
}

/* ---- the thread: each call of request_take or park is one step of a script ------------------- */

static enum pv_request request_take(uint64_t *pages, uint64_t *again_ns);
static struct pv_platform platform;
static void (*thread_run)(void *argument);
static jmp_buf end_of_script;
static unsigned takes, parks;
static uint64_t parked_until[8], wanted, again;

int thread_create(struct thread **thread, const struct thread_options *options,
                  void (*run)(void *argument), void *argument)
{
    (void)thread, (void)options, (void)argument;
    thread_run = run;
    return 0;
}

struct thread *thread_self(void)
{
    return NULL;
}

void thread_unpark(struct thread *thread)
{
    (void)thread;
}

int thread_park(uint64_t deadline_ns)
{
    if (parks == sizeof(parked_until) / sizeof(parked_until[0]))
        longjmp(end_of_script, 1);
    parked_until[parks++] = deadline_ns;
    if (parks == 3)
        host_is_full = false;
    fake.now_ns = deadline_ns != NO_DEADLINE ? deadline_ns : fake.now_ns;
    return 0;
}

void event_listen_system(struct event_listener *listener)
{
    (void)listener;
}

void random_mix(const void *data, size_t bytes)
{
    (void)data, (void)bytes;
}

uint64_t arch_cycles(void)
{
    return 0;
}

static enum pv_request request_take(uint64_t *pages, uint64_t *again_ns)
{
    *again_ns = again;
    if (takes++ > 0)
        return PV_REQUEST_NONE;
    *pages = wanted;
    return PV_REQUEST_MEMORY;
}

static void run_thread(uint64_t pages, uint64_t again_ns)
{
    takes = parks = 0;
    wanted = pages;
    again = again_ns;
    system_start();
    if (setjmp(end_of_script) == 0)
        thread_run(NULL);
}

/* ---- tests -------------------------------------------------------------------------------- */

static size_t in_use;

static int set_up(void **state)
{
    static bool started;

    (void)state;
    if (!started)
        fake_ram_start(RAM_PAGES);
    started = true;
    platform = *pv;
    platform.memory_give = memory_give;
    platform.memory_take = memory_take;
    platform.request_take = request_take;
    pv = &platform;
    host_room = SIZE_MAX;
    host_is_full = false;
    (void)balloon_set(0);
    assert_int_equal(host_pages, 0);
    in_use = page_in_use();
    return 0;
}

/* Nodes that list pages may stay, a page for 510 of them. */
static void expect_no_leak(void)
{
    assert_true(balloon_set(0));
    assert_int_equal(host_pages, 0);
    assert_true(page_in_use() - in_use <= 1);
}

static void test_down_and_up(void **state)
{
    (void)state;
    assert_true(balloon_set(1200));
    assert_int_equal(host_pages, 1200);
    assert_true(page_in_use() >= in_use + 1200);
    assert_true(balloon_set(7));
    assert_int_equal(host_pages, 7);
    expect_no_leak();
}

static void test_more_than_there_is(void **state)
{
    (void)state;
    assert_false(balloon_set(RAM_PAGES * 2));
    assert_true(host_pages < RAM_PAGES && page_total() - page_in_use() >= page_total() / 16);
    expect_no_leak();
}

/* The host takes some, then no more; what it did not take stays the program's. */
static void test_host_refuses(void **state)
{
    size_t free_pages = page_total() - page_in_use();

    (void)state;
    host_room = 100;
    for (unsigned i = 0; i < 5; i++)
        assert_false(balloon_set(200));
    assert_int_equal(host_pages, 100);
    assert_true(page_total() - page_in_use() >= free_pages - 102);
    host_room = SIZE_MAX;
    assert_true(balloon_set(200));
    host_is_full = true;
    assert_false(balloon_set(50));
    assert_int_equal(host_pages, 200);
    host_is_full = false;
    assert_true(balloon_set(50));
    expect_no_leak();
}

/* What the host could not give back is asked for again after ten seconds, without another request, and
 * after that nobody wakes without a reason. */
static void test_tried_again(void **state)
{
    (void)state;
    assert_true(balloon_set(100));
    host_is_full = true; /* until the third sleep */
    fake.now_ns = 5;
    run_thread(20, PV_NO_DEADLINE);
    assert_int_equal(host_pages, 20);
    for (unsigned i = 0; i < 3; i++)
        assert_true(parked_until[i] == 5 + (i + 1) * BALLOON_AGAIN_NS);
    assert_true(parked_until[3] == NO_DEADLINE && parked_until[7] == NO_DEADLINE);
    expect_no_leak();
}

/* A platform that wants to be asked sooner is. */
static void test_sooner(void **state)
{
    (void)state;
    assert_true(balloon_set(100));
    host_is_full = true;
    fake.now_ns = 0;
    run_thread(0, SECOND_NS);
    assert_true(parked_until[0] == SECOND_NS && parked_until[7] == 8 * SECOND_NS);
    assert_int_equal(host_pages, 0);
    expect_no_leak();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_down_and_up),  TEST(test_more_than_there_is),
        TEST(test_host_refuses), TEST(test_tried_again),
        TEST(test_sooner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
