/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event channels against a Xen that the test plays, and that sets what it likes in the page that
 * both share.
 */
/* sources: pvabi/xen/events.c arch/x86_64/pvclock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/xen/xen.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

/* What events.c is linked with elsewhere. */
struct pv_upcall *pv_upcall;
const struct pvclock *pv_clock;
volatile uint64_t pv_clock_offset_ns;
struct pv_counters pv_counters;

static struct shared_info *shared;
static uint32_t next_port;
static unsigned unmasks, sends, upcalls, store_events;
static uint64_t timer_ns, poll_ns;
static uint32_t polled[128];
static unsigned polled_count;

static void xen_sets(uint32_t port)
{
    shared->evtchn_pending[port / 64] |= 1ull << port % 64;
    if (shared->evtchn_mask[port / 64] & 1ull << port % 64)
        return;
    xen_vcpu.info.evtchn_pending_sel |= 1ull << port / 64;
    xen_vcpu.info.evtchn_upcall_pending = 1;
}

static long event_operation(unsigned long operation, void *argument)
{
    switch (operation) {
    case EVTCHNOP_alloc_unbound:
        ((struct evtchn_alloc_unbound *)argument)->port = next_port++;
        return 0;
    case EVTCHNOP_bind_virq:
        ((struct evtchn_bind_virq *)argument)->port = next_port++;
        return 0;
    case EVTCHNOP_send:
        sends++;
        return 0;
    case EVTCHNOP_close:
        return 0;
    case EVTCHNOP_unmask: {
        uint32_t port = ((struct evtchn_unmask *)argument)->port;

        unmasks++;
        shared->evtchn_mask[port / 64] &= ~(1ull << port % 64);
        xen_sets(port);
        return 0;
    }
    default:
        fail();
        return -1;
    }
}

long xen_hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d)
{
    (void)c, (void)d;
    switch (number) {
    case __HYPERVISOR_vcpu_op:
        if (a == VCPUOP_register_vcpu_info) {
            xen_vcpu.info = shared->vcpu_info[0];
            xen_vcpu.info.evtchn_upcall_pending = 1;
            xen_vcpu.info.evtchn_pending_sel = UINT64_MAX;
        }
        return 0;
    case __HYPERVISOR_event_channel_op:
        return event_operation(a, (void *)b);
    case __HYPERVISOR_set_timer_op:
        timer_ns = a;
        return 0;
    case __HYPERVISOR_sched_op: {
        struct sched_poll *sleep = (struct sched_poll *)b;

        assert_int_equal(a, SCHEDOP_poll);
        poll_ns = sleep->timeout;
        polled_count = sleep->nr_ports;
        assert_true(polled_count <= 128);
        memcpy(polled, sleep->ports.p, polled_count * sizeof(polled[0]));
        return 0;
    }
    default:
        return 0;
    }
}

void kernel_upcall(void)
{
    uint64_t taken[PV_EVENT_WORDS];

    upcalls++;
    xen_events_take(taken);
}

void xenbus_event(void)
{
    store_events++;
}

void xen_clock_start(void)
{
}

void xen_clock_refresh(void)
{
}

void xen_crash(const char *message, const void *frame)
{
    (void)frame;
    fail_msg("%s", message);
    abort();
}

static int begin(void **state)
{
    static const struct xen_flavour flavour;

    (void)state;
    shared = calloc(1, sizeof(*shared));
    memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
    memset(&xen_vcpu, 0, sizeof(xen_vcpu));
    pv_upcall = (struct pv_upcall *)(void *)&xen_vcpu;
    pv_upcall->mask = 1;
    next_port = 3;
    unmasks = sends = upcalls = store_events = 0;
    xen_shared_start(shared, &flavour);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (uint32_t port = 3; port < next_port; port++)
        xen_channel_close(port);
    free(shared);
    return 0;
}

static bool has(const uint64_t taken[PV_EVENT_WORDS], unsigned event)
{
    return (taken[event / 64] & 1ull << event % 64) != 0;
}

static unsigned count(const uint64_t taken[PV_EVENT_WORDS])
{
    unsigned bits = 0;

    for (unsigned i = 0; i < PV_EVENT_WORDS; i++)
        bits += (unsigned)__builtin_popcountll(taken[i]);
    return bits;
}

/* A vCPU that changes its page stays masked, and has no events: no port is open. */
static void starts_masked(void **state)
{
    (void)state;
    assert_int_equal(pv_upcall->mask, 1);
    assert_int_equal(pv_upcall->pending, 0);
}

/* A device's channel raises one event, however often the other side sends, until it is asked for
 * more (XSA-391). */
static void storm_costs_one_event(void **state)
{
    uint64_t taken[PV_EVENT_WORDS];
    unsigned event = 0;
    uint32_t port;

    (void)state;
    assert_int_equal(xen_channel_open(0, &event, &port), 0);
    assert_true(event != PV_EVENT_TIMER && event != PV_EVENT_SYSTEM);
    xen_sets(port);
    xen_events_take(taken);
    assert_true(has(taken, event));
    assert_int_equal(count(taken), 1);
    for (unsigned i = 0; i < 1000; i++)
        xen_sets(port);
    assert_int_equal(pv_upcall->pending, 0);
    xen_events_take(taken);
    assert_int_equal(count(taken), 0);
    /* What came meanwhile is raised by the unmasking, once. */
    assert_true(xen_channel_unmask(port));
    assert_int_equal(unmasks, 1);
    assert_int_equal(pv_upcall->pending, 1);
    xen_events_take(taken);
    assert_true(has(taken, event));
    assert_true(xen_channel_unmask(port));
    assert_int_equal(unmasks, 1); /* nothing came: no hypercall */
    assert_false(xen_channel_unmask(port));
}

/* Bits for ports that nobody opened, in every word: cleared, and no event. */
static void wild_bits(void **state)
{
    uint64_t taken[PV_EVENT_WORDS];

    (void)state;
    memset(shared->evtchn_pending, 0xff, sizeof(shared->evtchn_pending));
    memset(shared->evtchn_mask, 0, sizeof(shared->evtchn_mask));
    xen_vcpu.info.evtchn_pending_sel = UINT64_MAX;
    xen_vcpu.info.evtchn_upcall_pending = 0xff;
    xen_events_take(taken);
    assert_int_equal(count(taken), 0);
    assert_int_equal(pv_upcall->pending, 0);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(shared->evtchn_pending[i], 0);
}

static void masked_ports_stay_pending(void **state)
{
    uint64_t taken[PV_EVENT_WORDS];

    (void)state;
    shared->evtchn_pending[0] = UINT64_MAX;
    xen_vcpu.info.evtchn_pending_sel = 1;
    xen_events_take(taken);
    assert_int_equal(count(taken), 0);
    assert_true(shared->evtchn_pending[0] == UINT64_MAX);
}

static void ports_beyond_the_table(void **state)
{
    unsigned event = 0;
    uint32_t port;

    (void)state;
    next_port = 255;
    assert_int_equal(xen_channel_open(0, &event, &port), 0);
    assert_true(xen_channel_open(0, &event, &port) < 0);
    next_port = 4095;
    assert_true(xen_channel_open(0, &event, &port) < 0);
    xen_channel_wait(4095, 1);
    xen_channel_close(255);
    next_port = 3;
}

/* One of each kind, all raised; the store's is no event of the kernel's. */
static void kinds(void **state)
{
    static char ring;
    uint64_t taken[PV_EVENT_WORDS];
    unsigned event = 77;
    uint32_t port;

    (void)state;
    xen_store = (struct xenstore_domain_interface *)(void *)&ring;
    xen_store_port = 1;
    shared->evtchn_mask[0] &= ~2ull;
    xen_timer_set(5000);
    assert_int_equal(timer_ns, 5000);
    assert_int_equal(xen_channel_open(3, &event, &port), 0);
    assert_int_equal(event, 77);
    xen_sets(1);
    xen_sets(3); /* the timer's, opened first */
    xen_sets(port);
    xen_event_raise(200);
    xen_events_take(taken);
    assert_int_equal(store_events, 1);
    assert_int_equal(count(taken), 3);
    assert_true(has(taken, PV_EVENT_TIMER) && has(taken, 77) && has(taken, 200));
    xen_store = NULL;
}

static void deadlines(void **state)
{
    (void)state;
    xen_timer_set(PV_NO_DEADLINE);
    assert_int_equal(timer_ns, 0); /* none */
    xen_timer_set(0);
    assert_int_equal(timer_ns, 1); /* at once */
    xen_wait(PV_NO_DEADLINE);
    assert_int_equal(poll_ns, 0);
    xen_wait(0);
    assert_int_equal(poll_ns, 1);
    xen_wait(12345);
    assert_int_equal(poll_ns, 12345);
    poll_ns = 7;
    pv_upcall->pending = 1;
    xen_wait(12345);
    assert_int_equal(poll_ns, 7); /* something is pending: no sleep */
}

/* After a restore Xen's time is not the kernel's. */
static void deadlines_restored(void **state)
{
    (void)state;
    pv_clock_offset_ns = 1000; /* Xen is behind */
    xen_wait(12345);
    assert_int_equal(poll_ns, 11345);
    xen_wait(10);
    assert_int_equal(poll_ns, 1); /* long past */
    xen_timer_set(12345);
    assert_int_equal(timer_ns, 11345);
    pv_clock_offset_ns = 0 - 1000ull; /* ahead */
    xen_wait(0);
    assert_int_equal(poll_ns, 1000);
    xen_timer_set(12345);
    assert_int_equal(timer_ns, 13345);
    xen_wait(PV_NO_DEADLINE);
    assert_int_equal(poll_ns, 0);
    xen_timer_set(PV_NO_DEADLINE);
    assert_int_equal(timer_ns, 0);
    pv_clock_offset_ns = 0;
}

/* A port that is masked would end the sleep at once, for ever. */
static void sleeps_on_open_ports_only(void **state)
{
    unsigned first = 0, second = 0;
    uint64_t taken[PV_EVENT_WORDS];
    uint32_t one, two;

    (void)state;
    xen_channel_open(0, &first, &one);
    xen_channel_open(0, &second, &two);
    xen_sets(one);
    xen_events_take(taken);
    xen_wait(PV_NO_DEADLINE);
    for (unsigned i = 0; i < polled_count; i++)
        assert_int_not_equal(polled[i], one);
    assert_true(polled_count > 0);
}

static void unmasking_runs_what_is_pending(void **state)
{
    unsigned event = 0, before;
    uint32_t port;

    (void)state;
    xen_channel_open(0, &event, &port);
    before = xen_upcalls_mask();
    assert_int_equal(before, 1); /* from the start */
    pv_upcall->mask = 0;
    before = xen_upcalls_mask();
    assert_int_equal(before, 0);
    xen_sets(port);
    xen_upcalls_restore(before);
    assert_int_equal(upcalls, 1);
    assert_int_equal(pv_upcall->mask, 0);
    pv_upcall->mask = 1;
}

/* More channels than fit are refused, and none is lost. */
static void too_many_channels(void **state)
{
    unsigned opened = 0;

    (void)state;
    for (;; opened++) {
        unsigned event = 5;
        uint32_t port;

        if (xen_channel_open(0, &event, &port) < 0)
            break;
    }
    assert_true(opened > 100 && opened <= 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_masked, begin, end),
        cmocka_unit_test_setup_teardown(storm_costs_one_event, begin, end),
        cmocka_unit_test_setup_teardown(wild_bits, begin, end),
        cmocka_unit_test_setup_teardown(masked_ports_stay_pending, begin, end),
        cmocka_unit_test_setup_teardown(ports_beyond_the_table, begin, end),
        cmocka_unit_test_setup_teardown(kinds, begin, end),
        cmocka_unit_test_setup_teardown(deadlines, begin, end),
        cmocka_unit_test_setup_teardown(deadlines_restored, begin, end),
        cmocka_unit_test_setup_teardown(sleeps_on_open_ports_only, begin, end),
        cmocka_unit_test_setup_teardown(unmasking_runs_what_is_pending, begin, end),
        cmocka_unit_test_setup_teardown(too_many_channels, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
