/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tool stack asks of a domain, through a xenstore that the test plays. A process for each
 * test, as a domain ends once. */
/* sources: pvabi/xen/requests.c pvabi/xen/watchdog.c pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <xen/sched.h>

#include "pvabi/xen/requests.h"
#include "pvabi/xen/watchdog.h"
#include "pvabi/xen/xen.h"
#include "tests/unit/support/xen_backend.h"

#define NODE XEN_HOME "control/shutdown"

#define SECOND_NS 1000000000ull

static uint64_t pages, again_ns;

/* Xen's watchdogs, one for each id that it has given. */
struct pv_cmdline pv_cmdline;
static unsigned watchdogs, pats;
static uint32_t watchdog_s[4]; /* by id, 0: not armed */
static bool no_watchdog;

long xen_hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d)
{
    const struct sched_watchdog *watchdog = (const struct sched_watchdog *)b;
    uint32_t id = watchdog->id;

    (void)c, (void)d;
    if (number != __HYPERVISOR_sched_op || a != SCHEDOP_watchdog || no_watchdog)
        return -38;
    pats++;
    if (id == 0 && watchdogs < 3) {
        watchdog_s[++watchdogs] = watchdog->timeout;
        return watchdogs;
    }
    if (id > watchdogs || watchdog_s[id] == 0)
        return -22;
    watchdog_s[id] = watchdog->timeout;
    return 0;
}

static void require(bool condition)
{
    if (!condition)
        _exit(1);
}

static void in_a_child(void (*body)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        xen_machine_start();
        body();
        require(xen_machine.masked == 0);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The guest listens, and learns of what stands there already. */
static void listen(void)
{
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
    require(xen_machine.listens);
    xen_store_deliver();
    require(xen_event_taken(PV_EVENT_SYSTEM));
}

static void ask(const char *word, enum pv_request request, unsigned reason)
{
    xen_store_set(NODE, word);
    xen_store_deliver();
    require(xen_event_taken(PV_EVENT_SYSTEM));
    require(xen_request_take(&pages, &again_ns) == request);
    require(xen_end_reason() == reason);
    require(strcmp(xen_store_get(NODE), "") == 0); /* taken */
    xen_store_deliver(); /* our own write fires the watch: nothing is asked */
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
}

static void child_ends(void)
{
    listen();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
    ask("poweroff", PV_REQUEST_END, SHUTDOWN_poweroff);
    ask("halt", PV_REQUEST_END, SHUTDOWN_poweroff);
    ask("reboot", PV_REQUEST_END, SHUTDOWN_reboot);
}

/* Both watches fire when they are set: one look is to take what both say. */
static void child_looks_at_both(void)
{
    xen_store_set(XEN_HOME "memory/target", "65536");
    listen();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_MEMORY && pages == 0);
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
    xen_store_set(XEN_HOME "memory/target", "65532");
    xen_store_deliver();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_MEMORY && pages == 1);
}

/* The target counts from what it was at first; more than that is nothing to us. */
static void child_balloons(void)
{
    static const struct {
        const char *kib;
        uint64_t pages;
    } cases[] = {{"65536", 0}, {"32768", 8192}, {"65532", 1}, {"65535", 0}, {"99999", 0}};

    listen();
    (void)xen_request_take(&pages, &again_ns);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pages = 99;
        xen_store_set(XEN_HOME "memory/target", cases[i].kib);
        xen_store_deliver();
        require(xen_event_taken(PV_EVENT_SYSTEM));
        require(xen_request_take(&pages, &again_ns) == PV_REQUEST_MEMORY &&
                pages == cases[i].pages);
    }
    xen_store_set(XEN_HOME "memory/target", "x");
    xen_store_deliver();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
}

/* Restored, it listens again; resumed or refused, it still does. */
static void child_suspends(void)
{
    static const int results[] = {0, 1, -5};

    listen();
    (void)xen_request_take(&pages, &again_ns);
    for (unsigned i = 0; i < 3; i++) {
        xen_machine.suspend_result = results[i];
        xen_store_set(NODE, "suspend");
        xen_store_deliver();
        require(xen_request_take(&pages, &again_ns) ==
                (i == 0 ? PV_REQUEST_RESTORED : PV_REQUEST_NONE));
        require(strcmp(xen_store_get(NODE), "") == 0 && xen_machine.suspended == i + 1u);
        xen_store_deliver();
        require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
        require(xen_machine.said == (i == 2));
    }
    ask("poweroff", PV_REQUEST_END, SHUTDOWN_poweroff);
}

static void child_early(void)
{
    xen_store_set(NODE, "poweroff");
    listen();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_END);
}

static void child_nonsense(void)
{
    listen();
    (void)xen_request_take(&pages, &again_ns);
    ask("power", PV_REQUEST_NONE, SHUTDOWN_poweroff);
    ask("Reboot", PV_REQUEST_NONE, SHUTDOWN_poweroff);
    xen_store_set(NODE, "a word that is longer than any that means something");
    xen_store_deliver();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
    xen_machine.mood = STORE_REFUSES;
    xen_store_set(NODE, "poweroff");
    xen_store_deliver();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
}

/* A word that somebody writes while another is taken: the later one counts, neither is lost. */
static void child_word_meanwhile(void)
{
    listen();
    (void)xen_request_take(&pages, &again_ns);
    xen_machine.again = 2;
    ask("halt", PV_REQUEST_END, SHUTDOWN_poweroff); /* still there when it is tried again */
    xen_machine.again = 2;
    xen_machine.meanwhile_path = NODE;
    xen_machine.meanwhile_value = "reboot";
    ask("poweroff", PV_REQUEST_END, SHUTDOWN_reboot);
    xen_machine.again = 1000000;
    xen_store_set(NODE, "poweroff");
    xen_store_deliver();
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE); /* no end of it: given up */
    require(strcmp(xen_store_get(NODE), "reboot") == 0);
}

/* A word that comes while an answer is awaited: its message is taken with the answer, and what would
 * have woken the guest with it. */
static void child_is_woken(void)
{
    listen();
    (void)xen_request_take(&pages, &again_ns);
    xen_store_set(NODE, "power");
    xen_store_deliver();
    require(xen_event_taken(PV_EVENT_SYSTEM));
    /* To take the word is to write, of which the watch tells before the answer. */
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
    require(xen_event_taken(PV_EVENT_SYSTEM));
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
    require(!xen_event_taken(PV_EVENT_SYSTEM));
}

/* It is armed when the guest listens first, and patted whenever that looks again, which is often
 * enough; not while the domain is suspended, and anew afterwards, whether as another or not. */
static void child_is_watched(void)
{
    pv_cmdline.watchdog_s = 9;
    listen();
    require(watchdogs == 1 && watchdog_s[1] == 9 && pats == 1);
    require(again_ns == 9 * SECOND_NS / 2);
    (void)xen_request_take(&pages, &again_ns);
    require(watchdogs == 1 && pats == 2);
    for (unsigned i = 0; i < 2; i++) {
        xen_machine.suspend_result = (int)i;
        xen_machine.at_suspend = &watchdog_s[i + 1];
        xen_store_set(NODE, "suspend");
        xen_store_deliver();
        (void)xen_request_take(&pages, &again_ns);
        require(xen_machine.suspended == i + 1u && xen_machine.at_suspend_was == 0);
        require(watchdogs == i + 2u && watchdog_s[i + 1] == 0 && watchdog_s[i + 2] == 9);
        xen_store_deliver();
        (void)xen_request_take(&pages, &again_ns);
    }
    xen_watchdog_stop();
    require(watchdog_s[3] == 0);
    pats = 0;
    xen_watchdog_stop();
    require(pats == 0);
}

/* Nobody asks for one; Xen has none to give, which is said once. */
static void child_is_not_watched(void)
{
    listen();
    require(watchdogs == 0 && pats == 0 && again_ns == PV_NO_DEADLINE);
    pv_cmdline.watchdog_s = 9;
    no_watchdog = true;
    for (unsigned i = 0; i < 3; i++)
        (void)xen_request_take(&pages, &again_ns);
    require(xen_machine.said == 1 && again_ns == PV_NO_DEADLINE);
}

static void child_no_store(void)
{
    xen_store = NULL;
    require(xen_request_take(&pages, &again_ns) == PV_REQUEST_NONE);
    require(again_ns == PV_NO_DEADLINE);
    require(!xen_machine.listens && xen_end_reason() == SHUTDOWN_poweroff);
}

static void test_requests(void **state)
{
    (void)state;
    in_a_child(child_ends);
    in_a_child(child_looks_at_both);
    in_a_child(child_balloons);
    in_a_child(child_suspends);
    in_a_child(child_early);
    in_a_child(child_nonsense);
    in_a_child(child_word_meanwhile);
    in_a_child(child_is_woken);
    in_a_child(child_is_watched);
    in_a_child(child_is_not_watched);
    in_a_child(child_no_store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
