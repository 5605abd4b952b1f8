/* SPDX-License-Identifier: BSD-2-Clause */
/* Output through the ring: channels, a slow reader, and one that lies. */
/* sources: pvabi/xen/console.c pvabi/report.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/xen/xen.h"

#include <xen/io/console.h>

#include "tests/unit/support/xen_console_host.h"

static char heard[1 << 17]; /* by the daemon */
static size_t heard_bytes;
static uint32_t appetite; /* bytes that the daemon reads at a time */
static uint32_t wild;     /* added to its index */
static unsigned waits;

static void daemon_reads(void)
{
    uint32_t left = appetite;

    while (left-- > 0 && ring->out_cons != ring->out_prod)
        heard[heard_bytes++] = ring->out[ring->out_cons++ % sizeof(ring->out)];
    ring->out_cons += wild;
}

void xen_channel_wait(uint32_t port, uint64_t deadline_ns)
{
    assert_int_equal(port, PORT);
    assert_true(deadline_ns > 0);
    waits++;
    daemon_reads();
}

/* Nobody reads input here. */
int xen_port_bind(uint32_t port, unsigned event, bool once)
{
    fail_msg("port %u, event %u%s", port, event, once ? ", once" : "");
    return -1;
}

void xen_event_raise(unsigned event)
{
    fail_msg("event %u", event);
}

static int begin(void **state)
{
    (void)state;
    heard_bytes = 0;
    appetite = UINT32_MAX;
    wild = 0;
    waits = 0;
    ring_begin();
    return 0;
}

static void expect_heard(const char *text, size_t bytes)
{
    daemon_reads();
    assert_int_equal(heard_bytes, bytes);
    assert_memory_equal(heard, text, bytes);
}

static void standard_output_is_raw(void **state)
{
    (void)state;
    assert_int_equal(xen_write(PV_STDOUT, "hello\n", 6), 6);
    assert_int_equal(xen_write(PV_STDOUT, "again\n", 6), 6);
    assert_int_equal(sends, 2);
    expect_heard("hello\nagain\n", 12);
}

static void channels_are_marked_where_they_change(void **state)
{
    (void)state;
    xen_write(PV_STDERR, "a", 1);
    xen_write(PV_STDERR, "b", 1);
    xen_write(PV_LOG, "c", 1);
    xen_write(PV_STDOUT, "d\x10", 2);
    expect_heard("\x10\x02"
                 "ab"
                 "\x10\x03"
                 "c"
                 "\x10\x01"
                 "d\x10\x10",
                 12);
}

/* Much more than fits, full of bytes that are doubled, with a daemon that reads a few at a time. */
static void slow_reader_gets_everything(void **state)
{
    static char text[20000];
    size_t at = 2;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7 % 19);
    appetite = 7;
    assert_int_equal(xen_write(PV_STDERR, text, sizeof(text)), sizeof(text));
    appetite = UINT32_MAX;
    daemon_reads();
    assert_memory_equal(heard, "\x10\x02", 2);
    for (size_t i = 0; i < sizeof(text); i++) {
        assert_int_equal(heard[at++], text[i]);
        if (text[i] == 0x10)
            assert_int_equal(heard[at++], 0x10);
    }
    assert_int_equal(heard_bytes, at);
    assert_int_equal(emergency_bytes, 0);
}

static unsigned yields;

/* A reader that is scheduled only now and then. */
static void reads_seldom(void)
{
    if (++yields % 50 == 0)
        daemon_reads();
}

/* Before there is a clock nothing can be waited for; a reader that is slow is not given up. */
static void before_the_clock(void **state)
{
    static char text[10 * sizeof(((struct xencons_interface *)0)->out)];

    (void)state;
    memset(text, 'x', sizeof(text));
    pv_clock = NULL;
    on_yield = reads_seldom;
    yields = 0;
    assert_int_equal(xen_write(PV_STDOUT, text, sizeof(text)), sizeof(text));
    pv_clock = &clock_stands;
    on_yield = NULL;
    assert_true(yields >= 450 && waits == 0);
    expect_heard(text, sizeof(text));
    assert_int_equal(emergency_bytes, 0);
}

static void nobody_reads(void **state)
{
    static char text[4096];

    (void)state;
    appetite = 0;
    assert_true(xen_write(PV_STDOUT, text, sizeof(text)) < 0);
    assert_true(waits > 50 && waits < 200);
    assert_non_null(strstr(emergency, "console out of service: nobody reads it\n"));
    /* From now on it costs no time: it goes to Xen's own console. */
    waits = 0;
    emergency_bytes = 0;
    assert_int_equal(xen_write(PV_LOG, "more", 4), 4);
    assert_int_equal(waits, 0);
    assert_memory_equal(emergency, "more", 4);
}

static void reader_ahead_of_the_writer(void **state)
{
    static const uint32_t indices[] = {1, 2049, 1u << 31, UINT32_MAX - 2048};
    unsigned lines;

    (void)state;
    for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        xen_console_start(ring, PORT);
        memset(emergency, 0, sizeof(emergency));
        emergency_bytes = 0;
        xen_write(PV_STDOUT, "x", 1);
        ring->out_cons = ring->out_prod + indices[i];
        assert_true(xen_write(PV_STDOUT, "y", 1) < 0);
        xen_write(PV_STDOUT, "z", 1);
        lines = 0;
        for (size_t j = 0; j < emergency_bytes; j++)
            lines += emergency[j] == '\n';
        assert_int_equal(lines, 1);
        ring->out_cons = ring->out_prod;
    }
}

/* The index that we write is ours: what the other side makes of it is not looked at. */
static void writer_index_is_not_read_back(void **state)
{
    (void)state;
    xen_write(PV_STDOUT, "one", 3);
    ring->out_prod += 1000;
    xen_write(PV_STDOUT, "two", 3);
    assert_int_equal(ring->out_prod, 6);
    expect_heard("onetwo", 6);
}

static void drains(void **state)
{
    (void)state;
    appetite = 1;
    xen_write(PV_STDOUT, "abcdef", 6);
    xen_console_drain();
    assert_int_equal(heard_bytes, 6);
    appetite = 0;
    xen_write(PV_STDOUT, "abcdef", 6);
    waits = 0;
    xen_console_drain();
    assert_true(waits > 0 && waits < 200);
}

static void without_a_ring(void **state)
{
    (void)state;
    xen_console_start(NULL, 0);
    assert_int_equal(xen_write(PV_STDERR, "early", 5), 5);
    assert_memory_equal(emergency, "early", 5);
    xen_console_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(standard_output_is_raw, begin, ring_end),
        cmocka_unit_test_setup_teardown(channels_are_marked_where_they_change, begin, ring_end),
        cmocka_unit_test_setup_teardown(slow_reader_gets_everything, begin, ring_end),
        cmocka_unit_test_setup_teardown(before_the_clock, begin, ring_end),
        cmocka_unit_test_setup_teardown(nobody_reads, begin, ring_end),
        cmocka_unit_test_setup_teardown(reader_ahead_of_the_writer, begin, ring_end),
        cmocka_unit_test_setup_teardown(writer_index_is_not_read_back, begin, ring_end),
        cmocka_unit_test_setup_teardown(drains, begin, ring_end),
        cmocka_unit_test_setup_teardown(without_a_ring, begin, ring_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
