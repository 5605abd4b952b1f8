/* SPDX-License-Identifier: BSD-2-Clause */
/* Input through the ring: asked for, escaped, ended, and from another side that lies. */
/* sources: pvabi/xen/console.c pvabi/xen/console_read.c pvabi/report.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/xen/console.h"
#include "pvabi/xen/console_read.h"
#include "tests/unit/support/xen_console_host.h"

#define EVENT 9u
#define OPS (&xen_console_ops)

static struct pv_console *console;
static unsigned binds, raises;

/* The daemon takes everything. */
void xen_channel_wait(uint32_t port, uint64_t deadline_ns)
{
    assert_int_equal(port, PORT);
    assert_true(deadline_ns > 0);
    ring->out_cons = ring->out_prod;
}

unsigned xen_event_new(void)
{
    return EVENT;
}

int xen_port_bind(uint32_t port, unsigned event, bool once)
{
    assert_int_equal(port, PORT);
    assert_int_equal(event, EVENT);
    assert_false(once);
    binds++;
    return 0;
}

void xen_event_raise(unsigned event)
{
    assert_int_equal(event, EVENT);
    raises++;
}

static int begin(void **state)
{
    (void)state;
    binds = raises = 0;
    ring_begin();
    assert_int_equal(OPS->memory_bytes(NULL), 0);
    assert_int_equal(OPS->attach(NULL, NULL, &console), 0);
    assert_int_equal(console->rx_slots, 1);
    assert_int_equal(console->rx_event, EVENT);
    return 0;
}

static void come(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ring->in[ring->in_prod++ % sizeof(ring->in)] = bytes[i];
}

static void post(void *buffer, uint32_t bytes)
{
    assert_int_equal(OPS->rx_post(console, buffer, bytes, buffer), 0);
    OPS->rx_kick(console);
}

static void expect(const char *text, size_t count)
{
    void *cookie = NULL;
    uint32_t bytes = 99;

    assert_int_equal(OPS->rx_take(console, &cookie, &bytes), 1);
    assert_int_equal(bytes, count);
    assert_memory_equal(cookie, text, count);
}

static void expect_none(void)
{
    void *cookie;
    uint32_t bytes;

    assert_int_equal(OPS->rx_take(console, &cookie, &bytes), 0);
    assert_false(OPS->rx_ask(console));
}

/* Each buffer asks once, between what is written. */
static void asks_for_each_buffer(void **state)
{
    char buffer[16];

    (void)state;
    assert_int_equal(binds, 1);
    assert_int_equal(ring->out_prod, 0);
    post(buffer, sizeof(buffer));
    assert_int_equal(OPS->rx_post(console, buffer, sizeof(buffer), NULL), -EAGAIN);
    xen_write(PV_STDOUT, "x", 1);
    assert_int_equal(ring->out_prod, 3);
    assert_memory_equal(ring->out, "\x10\x04x", 3);
    expect_none();
    come("y", 1);
    assert_true(OPS->rx_ask(console));
    expect("y", 1);
    post(buffer, sizeof(buffer));
    assert_memory_equal(ring->out, "\x10\x04x\x10\x04", 5);
}

/* A ring that is full: the mark waits for room, and what the wait took is told as input. */
static void asks_when_there_is_room(void **state)
{
    static char text[sizeof(ring->out)];
    char buffer[16];

    (void)state;
    xen_write(PV_STDOUT, text, sizeof(text));
    assert_int_equal(raises, 0);
    post(buffer, sizeof(buffer));
    assert_int_equal(ring->out_prod, sizeof(text) + 2);
    assert_int_equal(raises, 1);
}

static void escapes_and_the_end(void **state)
{
    char buffer[4];

    (void)state;
    post(buffer, sizeof(buffer));
    come("ab\x10", 3);
    expect("ab", 2);
    post(buffer, sizeof(buffer));
    expect_none();
    come("\x10"
         "cdefg",
         6);
    expect("\x10"
           "cde",
           4);
    post(buffer, sizeof(buffer));
    come("\x10\x04 not read", 11);
    expect("fg", 2);
    post(buffer, sizeof(buffer));
    expect("", 0);
    assert_false(OPS->rx_ask(console));
}

/* Around the ring's end, in pieces that do not fit its length. */
static void many_bytes(void **state)
{
    char buffer[100], piece[73];
    uint8_t next = 0, wanted = 0;

    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        void *cookie;
        uint32_t bytes;
        size_t count = 0;

        while (count < sizeof(piece) - 1) {
            if (next == 0x10)
                piece[count++] = 0x10;
            piece[count++] = (char)next++;
        }
        come(piece, count);
        post(buffer, sizeof(buffer));
        assert_int_equal(OPS->rx_take(console, &cookie, &bytes), 1);
        for (uint32_t i = 0; i < bytes; i++)
            assert_int_equal((uint8_t)buffer[i], wanted++);
    }
    assert_int_equal(wanted, next);
    assert_int_equal(ring->in_cons, ring->in_prod);
}

static void more_than_the_ring_holds(void **state)
{
    char buffer[16];
    void *cookie;
    uint32_t bytes;

    (void)state;
    post(buffer, sizeof(buffer));
    ring->in_prod = sizeof(ring->in) + 1;
    assert_int_equal(OPS->rx_take(console, &cookie, &bytes), -EIO);
    assert_non_null(console->fault);
    assert_true(console->reported);
    assert_non_null(strstr(emergency, "console out of service: "));
    assert_true(OPS->rx_ask(console));
    assert_int_equal(OPS->rx_post(console, buffer, sizeof(buffer), NULL), -EIO);
}

/* What the other side makes of our index is not looked at. */
static void reader_index_is_not_read_back(void **state)
{
    char buffer[16];

    (void)state;
    post(buffer, sizeof(buffer));
    come("one", 3);
    ring->in_cons = 2;
    expect("one", 3);
    assert_int_equal(ring->in_cons, 3);
}

/* Its channel is another one then. */
static void after_a_restore(void **state)
{
    (void)state;
    xen_console_start(ring, PORT);
    assert_int_equal(binds, 2);
}

static void without_a_ring(void **state)
{
    (void)state;
    xen_console_start(NULL, 0);
    assert_int_equal(OPS->attach(NULL, NULL, &console), 0);
    assert_int_equal(console->rx_slots, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asks_for_each_buffer, begin, ring_end),
        cmocka_unit_test_setup_teardown(asks_when_there_is_room, begin, ring_end),
        cmocka_unit_test_setup_teardown(escapes_and_the_end, begin, ring_end),
        cmocka_unit_test_setup_teardown(many_bytes, begin, ring_end),
        cmocka_unit_test_setup_teardown(more_than_the_ring_holds, begin, ring_end),
        cmocka_unit_test_setup_teardown(reader_index_is_not_read_back, begin, ring_end),
        cmocka_unit_test_setup_teardown(after_a_restore, begin, ring_end),
        cmocka_unit_test_setup_teardown(without_a_ring, begin, ring_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
