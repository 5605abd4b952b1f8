/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio console frontend with several ports, against a device that says of them what it should
 * not. */
/* sources: pvabi/virtio/console.c pvabi/virtio/console_write.c pvabi/virtio/console_ports.c */
/* sources: pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c tests/unit/support/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/console_ports_bed.h"

/* ---- a device that says what it should not -------------------------------------------------- */

static void say_nonsense(void)
{
    static const uint32_t wild[] = {4, 31, 0x7fffffff, UINT32_MAX};

    for (unsigned i = 0; i < 4; i++) {
        say(wild[i], VIRTIO_CONSOLE_PORT_ADD, 1);
        act();
    }
    say(3, VIRTIO_CONSOLE_CONSOLE_PORT, 1); /* before there is one */
    say(0, 77, 77);
    say(0, VIRTIO_CONSOLE_PORT_ADD, 1); /* and once more later */
}

static void test_wild_ports(void **state)
{
    static const struct port ports[] = {{true, true, true, NULL}};

    (void)state;
    bed.on_ready = say_nonsense;
    assert_int_equal(attach(ports, 1), 0);
    write_all();
    expect_taken("outerrlog", "", "", "");
}

static void test_names(void **state)
{
    static const char *const names[] = {
        "", "c", "coracle.", "coracle.lo", "x", "coracle.logs", "coracle.log "};

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct port ports[] = {{true, true, true, NULL}, {true, false, true, names[i]}};

        bed_set_up(NULL);
        assert_int_equal(attach(ports, 2), 0);
        assert_false(bed.console->log_apart);
        bed_tear_down(NULL);
    }
    bed_set_up(NULL);
    attach_input(); /* for the tear-down */
}

/* A name that fills the buffer, without an end. */
static void test_endless_name(void **state)
{
    static const struct port ports[] = {{true, true, true, NULL}};
    char bytes[128];
    struct virtio_console_control message = {0, VIRTIO_CONSOLE_PORT_NAME, 1};
    uint32_t got;
    void *cookie;

    (void)state;
    assert_int_equal(attach(ports, 1), 0);
    memset(bytes, 'c', sizeof(bytes));
    memcpy(bytes, &message, sizeof(message));
    say_bytes(bytes, sizeof(bytes));
    assert_int_equal(ops->rx_take(bed.console, &cookie, &got), 0);
    assert_null(bed.console->fault);
}

static void test_short_message(void **state)
{
    (void)state;
    attach_input();
    say_bytes("abcdefg", 7);
    expect_fault("too short");
}

static void test_ring_abuse(void **state)
{
    struct device_queue *control;
    uint16_t head;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        bed_set_up(NULL);
        attach_input();
        control = &bed.device.queues[CONTROL_RX];
        assert_true(device_next(control, &head));
        device_use(control, i == 0 ? 0xffffu : head, i == 1 ? 129u : 8u);
        for (unsigned n = 0; i == 2 && n < SIZE; n++)
            device_use(control, head, 8);
        expect_fault(i == 0 ? "used id" : i == 1 ? "used length" : "used index");
        if (i < 2)
            bed_tear_down(NULL);
    }
}

/* It never stops talking: each look ends, and the guest goes on. */
static void test_talker(void **state)
{
    uint32_t bytes;
    void *cookie;

    (void)state;
    attach_input();
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned n = 0; n < SIZE; n++)
            say(n, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
        assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 0);
    }
    assert_null(bed.console->fault);
}

/* A second for a control message, and no more. */
static void test_deaf(void **state)
{
    uint64_t begin = clock_now_ns;

    (void)state;
    bed.deaf = true;
    assert_int_equal(attach(NULL, 0), -EIO);
    assert_in_range(clock_now_ns - begin, 1000000000, 1100000000);
    expect_fault("not taken");
}

static void test_no_control_queues(void **state)
{
    size_t bytes;

    (void)state;
    device_open(&bed.device, PV_CONSOLE, ALL, 2, SIZE);
    bytes = ops->memory_bytes(&bed.device.pv);
    assert_int_equal(posix_memalign(&bed.memory, 4096, bytes), 0);
    memset(bed.memory, 0, bytes);
    assert_int_equal(ops->attach(&bed.device.pv, bed.memory, &bed.console), -EIO);
    expect_fault("set-up");
}

/* A port that the device has no queues for is no port. */
static void test_port_without_queues(void **state)
{
    static const struct port ports[] = {{true, true, true, NULL}};
    size_t bytes;

    (void)state;
    memcpy(bed.ports, ports, sizeof(ports));
    device_open(&bed.device, PV_CONSOLE, ALL, 5, SIZE);
    bytes = ops->memory_bytes(&bed.device.pv);
    assert_int_equal(posix_memalign(&bed.memory, 4096, bytes), 0);
    memset(bed.memory, 0, bytes);
    assert_int_equal(ops->attach(&bed.device.pv, bed.memory, &bed.console), 0);
    say(1, VIRTIO_CONSOLE_PORT_ADD, 1);
    say_name(1, "coracle.log");
    write_all();
    expect_taken("outerrlog", "", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wild_ports),
        TEST(test_names),
        TEST(test_endless_name),
        TEST(test_short_message),
        TEST(test_ring_abuse),
        TEST(test_talker),
        TEST(test_deaf),
        TEST(test_no_control_queues),
        TEST(test_port_without_queues),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
