/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio console frontend with several ports, against a device that the test plays: which port
 * carries what. */
/* sources: pvabi/virtio/console.c pvabi/virtio/console_write.c pvabi/virtio/console_ports.c */
/* sources: pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c tests/unit/support/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/console_ports_bed.h"

/* ---- which port carries what ---------------------------------------------------------------- */

static void test_named_ports(void **state)
{
    static const struct port ports[] = {{true, true, true, NULL},
                                        {true, false, true, "coracle.stderr"},
                                        {true, false, true, "coracle.log"},
                                        {true, false, false, "coracle.stdin"}};

    (void)state;
    assert_int_equal(attach(ports, 4), 0);
    assert_true(bed.console->writable && bed.console->log_apart);
    assert_int_equal(bed.console->rx_event, 10 + rx_queue(3));
    assert_int_equal(bed.console->end_event, 10 + CONTROL_RX);
    assert_int_equal(bed.console->rx_slots, SIZE);
    write_all();
    expect_taken("out", "err", "log", "");
    for (unsigned i = 0; i < PORTS; i++)
        assert_true(bed.ready[i] && bed.opened[i]);
}

static void test_one_console(void **state)
{
    static const struct port ports[] = {{false, false, false, NULL},
                                        {true, false, true, "org.qemu.guest_agent.0"},
                                        {true, true, true, "some.name"}};

    (void)state;
    assert_int_equal(attach(ports, 3), 0);
    assert_true(bed.console->writable);
    assert_false(bed.console->log_apart);
    assert_int_equal(bed.console->rx_event, 10 + rx_queue(2));
    write_all();
    expect_taken("", "", "outerrlog", "");
    assert_false(bed.opened[1]); /* somebody else's */
}

static void test_all_named(void **state)
{
    static const struct port ports[] = {{true, true, true, "coracle.log"},
                                        {true, false, true, "coracle.stdout"},
                                        {true, false, true, "coracle.stdin2"},
                                        {true, true, true, NULL}};

    (void)state;
    assert_int_equal(attach(ports, 4), 0);
    write_all();
    expect_taken("log", "outerr", "", "");
    assert_int_equal(bed.console->rx_event, 10 + rx_queue(3));
}

static void test_input_only(void **state)
{
    static const struct port ports[] = {{false, false, false, NULL},
                                        {true, false, false, "coracle.stdin"}};

    (void)state;
    assert_int_equal(attach(ports, 2), 0);
    assert_false(bed.console->writable);
    assert_int_equal(bed.console->rx_slots, SIZE);
    assert_int_equal(ops->write(bed.console, PV_STDOUT, "x", 1), -EIO);
    assert_null(bed.console->fault);
}

/* A device that answers nothing, or has no ports: neither input nor output, within a tenth of a
 * second, and nothing is wrong with it. */
static void test_no_ports(void **state)
{
    uint64_t begin = clock_now_ns;
    uint32_t bytes;
    void *cookie;

    (void)state;
    bed.silent = true;
    assert_int_equal(attach(NULL, 0), 0);
    assert_in_range(clock_now_ns - begin, 100000000, 200000000);
    assert_false(bed.console->writable);
    assert_int_equal(bed.console->rx_slots, 0);
    assert_int_equal(ops->rx_post(bed.console, bed.text, 8, &bed), -EAGAIN);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 1);
    assert_int_equal(bytes, 0);
    assert_null(bed.console->fault);
}

/* ---- input and its end ---------------------------------------------------------------------- */

static uint16_t post_and_see(void)
{
    uint16_t head;

    assert_int_equal(ops->rx_post(bed.console, bed.text, sizeof(bed.text), &bed), 0);
    ops->rx_kick(bed.console);
    assert_true(device_next(&bed.device.queues[rx_queue(1)], &head));
    return head;
}

/* What came before the port was closed is input still. */
static void test_end_of_input(void **state)
{
    uint32_t bytes = 0;
    void *cookie = NULL;
    uint16_t head;

    (void)state;
    attach_input();
    head = post_and_see();
    assert_int_equal(bed.device.queues[rx_queue(1)].notified, 1);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 0);
    assert_false(ops->rx_ask(bed.console));
    device_use(&bed.device.queues[rx_queue(1)], head, 7);
    assert_true(ops->rx_ask(bed.console));
    say(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 1);
    assert_ptr_equal(cookie, &bed);
    assert_int_equal(bytes, 7);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 1);
        assert_null(cookie);
        assert_int_equal(bytes, 0);
    }
}

/* An event for the closing is asked for, too. */
static void test_end_is_asked_for(void **state)
{
    (void)state;
    attach_input();
    assert_false(ops->rx_ask(bed.console));
    assert_int_equal(device_used_event(&bed.device.queues[CONTROL_RX]),
                     bed.device.queues[CONTROL_RX].used->idx);
    say(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
    assert_true(ops->rx_ask(bed.console));
}

static void test_other_ports_close(void **state)
{
    uint32_t bytes;
    void *cookie;

    (void)state;
    attach_input();
    say(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    say(7, VIRTIO_CONSOLE_PORT_OPEN, 0);
    say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 0);
}

/* A port that goes takes its channel with it; the others stay. */
static void test_ports_removed(void **state)
{
    uint32_t bytes = 1;
    void *cookie;

    (void)state;
    attach_input();
    say(0, VIRTIO_CONSOLE_PORT_REMOVE, 1);
    say(2, VIRTIO_CONSOLE_PORT_REMOVE, 1); /* was never there */
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 0);
    assert_int_equal(ops->write(bed.console, PV_STDOUT, "x", 1), -EIO);
    say(1, VIRTIO_CONSOLE_PORT_REMOVE, 1);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 1);
    assert_int_equal(bytes, 0);
    assert_null(bed.console->fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_named_ports),      TEST(test_one_console),       TEST(test_all_named),
        TEST(test_input_only),       TEST(test_no_ports),          TEST(test_end_of_input),
        TEST(test_end_is_asked_for), TEST(test_other_ports_close), TEST(test_ports_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
