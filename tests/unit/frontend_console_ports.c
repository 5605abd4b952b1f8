/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio console frontend with several ports, against a device that the test plays, honest and
 * hostile: which port carries what, and what the device may say about ports. */
/* sources: pvabi/virtio/console.c pvabi/virtio/console_write.c pvabi/virtio/console_ports.c */
/* sources: pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c tests/unit/support/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/virtio/console.h"
#include "tests/unit/support/clock.h"
#include "tests/unit/support/device.h"

#define SIZE 8u
#define ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_CONSOLE_F_MULTIPORT)
#define QUEUES 10u
#define PORTS 4u
#define CONTROL_RX 2u
#define CONTROL_TX 3u

static const struct pv_console_ops *const ops = &virtio_console_ops;

/* A port as the device has it. */
struct port {
    bool there, console, open;
    const char *name;
};

static struct {
    struct device device;
    struct pv_console *console;
    void *memory;
    struct port ports[PORTS];
    char taken[PORTS][64]; /* what came out of each port */
    bool ready[PORTS], opened[PORTS];
    bool silent; /* takes control messages and does not answer */
    bool deaf;   /* does not even take them */
    void (*on_ready)(void);
    char text[32];
} bed;

static unsigned rx_queue(unsigned port)
{
    return port == 0 ? 0 : 2 * port + 2;
}

/* A control message, `bytes` of it, to the driver; lost when there is no buffer. */
static void say_bytes(const void *message, uint32_t bytes)
{
    struct device_queue *queue = &bed.device.queues[CONTROL_RX];
    uint16_t head;

    if (!device_next(queue, &head))
        return;
    assert_true(device_desc(queue, head, 0)->flags & VIRTQ_DESC_WRITE);
    assert_true(bytes <= device_desc(queue, head, 0)->bytes);
    memcpy(device_buffer(queue, head, 0), message, bytes);
    device_use(queue, head, bytes);
}

static void say(uint32_t port, unsigned event, unsigned value)
{
    struct virtio_console_control message = {port, (uint16_t)event, (uint16_t)value};

    say_bytes(&message, sizeof(message));
}

static void say_name(uint32_t port, const char *name)
{
    struct virtio_console_control message = {port, VIRTIO_CONSOLE_PORT_NAME, 1};
    char bytes[sizeof(message) + 64];

    memcpy(bytes, &message, sizeof(message));
    memcpy(bytes + sizeof(message), name, strlen(name) + 1);
    say_bytes(bytes,
              (uint32_t)(sizeof(message) + strlen(name) + (port & 1u))); /* with NUL or not */
}

static void answer(const struct virtio_console_control *message)
{
    const struct port *port = &bed.ports[message->port % PORTS];

    if (message->event == VIRTIO_CONSOLE_DEVICE_READY) {
        assert_int_equal(message->value, 1);
        if (bed.on_ready != NULL)
            bed.on_ready();
        for (unsigned i = 0; i < PORTS; i++)
            if (bed.ports[i].there)
                say(i, VIRTIO_CONSOLE_PORT_ADD, 1);
        return;
    }
    assert_true(message->port < PORTS && port->there);
    assert_int_equal(message->value, 1);
    if (message->event == VIRTIO_CONSOLE_PORT_OPEN) {
        bed.opened[message->port] = true;
        return;
    }
    assert_int_equal(message->event, VIRTIO_CONSOLE_PORT_READY);
    assert_false(bed.ready[message->port]);
    bed.ready[message->port] = true;
    if (port->console)
        say(message->port, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
    if (port->name != NULL)
        say_name(message->port, port->name);
    if (port->open)
        say(message->port, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* The device's turn: control first, then what was written to ports. */
static void act(void)
{
    struct device_queue *control = &bed.device.queues[CONTROL_TX];
    struct virtio_console_control message;
    uint16_t head;

    while (!bed.deaf && device_next(control, &head)) {
        assert_int_equal(device_desc(control, head, 0)->bytes, sizeof(message));
        memcpy(&message, device_buffer(control, head, 0), sizeof(message));
        if (!bed.silent)
            answer(&message);
        device_use(control, head, 0);
    }
    for (unsigned i = 0; i < PORTS; i++) {
        struct device_queue *queue = &bed.device.queues[rx_queue(i) + 1];

        while (queue->size && device_next(queue, &head)) {
            assert_true(bed.opened[i]);
            strncat(bed.taken[i], device_buffer(queue, head, 0),
                    device_desc(queue, head, 0)->bytes);
            device_use(queue, head, 0);
        }
    }
}

static int attach(const struct port *ports, unsigned count)
{
    size_t bytes;

    if (ports != NULL)
        memcpy(bed.ports, ports, count * sizeof(*ports));
    device_open(&bed.device, PV_CONSOLE, ALL, QUEUES, SIZE);
    bytes = ops->memory_bytes(&bed.device.pv);
    assert_int_equal(posix_memalign(&bed.memory, 4096, bytes), 0);
    memset(bed.memory, 0, bytes);
    return ops->attach(&bed.device.pv, bed.memory, &bed.console);
}

static int bed_set_up(void **state)
{
    (void)state;
    memset(&bed, 0, sizeof(bed));
    clock_on_look = act;
    return 0;
}

static int bed_tear_down(void **state)
{
    (void)state;
    device_close(&bed.device);
    free(bed.memory);
    return 0;
}

static void write_all(void)
{
    assert_int_equal(ops->write(bed.console, PV_STDOUT, "out", 3), 3);
    assert_int_equal(ops->write(bed.console, PV_STDERR, "err", 3), 3);
    assert_int_equal(ops->write(bed.console, PV_LOG, "log", 3), 3);
}

static void expect_taken(const char *zero, const char *one, const char *two, const char *three)
{
    assert_string_equal(bed.taken[0], zero);
    assert_string_equal(bed.taken[1], one);
    assert_string_equal(bed.taken[2], two);
    assert_string_equal(bed.taken[3], three);
}

static void expect_fault(const char *words)
{
    uint32_t bytes;
    void *cookie;

    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), -EIO);
    assert_non_null(bed.console->fault);
    assert_non_null(strstr(bed.console->fault, words));
    assert_int_equal(bed.device.failed, 1);
    assert_int_equal(ops->rx_post(bed.console, bed.text, 1, &bed), -EIO);
    assert_int_equal(ops->write(bed.console, PV_LOG, "x", 1), -EIO);
    assert_true(ops->rx_ask(bed.console));
    ops->rx_kick(bed.console);
}

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

static void attach_input(void)
{
    static const struct port ports[] = {{true, true, true, NULL},
                                        {true, false, true, "coracle.stdin"}};

    assert_int_equal(attach(ports, 2), 0);
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_named_ports),
        TEST(test_one_console),
        TEST(test_all_named),
        TEST(test_input_only),
        TEST(test_no_ports),
        TEST(test_end_of_input),
        TEST(test_end_is_asked_for),
        TEST(test_other_ports_close),
        TEST(test_ports_removed),
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
