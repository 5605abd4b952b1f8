/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio console frontend attached to a device with several ports that the test plays. For cmocka
 * tests, which include it once.
 */
#ifndef TESTS_CONSOLE_PORTS_BED_H
#define TESTS_CONSOLE_PORTS_BED_H

#include <stdlib.h>
#include <string.h>

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

static inline unsigned rx_queue(unsigned port)
{
    return port == 0 ? 0 : 2 * port + 2;
}

/* A control message, `bytes` of it, to the driver; lost when there is no buffer. */
static inline void say_bytes(const void *message, uint32_t bytes)
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

static inline void say(uint32_t port, unsigned event, unsigned value)
{
    struct virtio_console_control message = {port, (uint16_t)event, (uint16_t)value};

    say_bytes(&message, sizeof(message));
}

static inline void say_name(uint32_t port, const char *name)
{
    struct virtio_console_control message = {port, VIRTIO_CONSOLE_PORT_NAME, 1};
    char bytes[sizeof(message) + 64];

    memcpy(bytes, &message, sizeof(message));
    memcpy(bytes + sizeof(message), name, strlen(name) + 1);
    say_bytes(bytes,
              (uint32_t)(sizeof(message) + strlen(name) + (port & 1u))); /* with NUL or not */
}

static inline void answer(const struct virtio_console_control *message)
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
static inline void act(void)
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

static inline int attach(const struct port *ports, unsigned count)
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

static inline int bed_set_up(void **state)
{
    (void)state;
    memset(&bed, 0, sizeof(bed));
    clock_on_look = act;
    return 0;
}

static inline int bed_tear_down(void **state)
{
    (void)state;
    device_close(&bed.device);
    free(bed.memory);
    return 0;
}

static inline void write_all(void)
{
    assert_int_equal(ops->write(bed.console, PV_STDOUT, "out", 3), 3);
    assert_int_equal(ops->write(bed.console, PV_STDERR, "err", 3), 3);
    assert_int_equal(ops->write(bed.console, PV_LOG, "log", 3), 3);
}

static inline void expect_taken(const char *zero, const char *one, const char *two,
                                const char *three)
{
    assert_string_equal(bed.taken[0], zero);
    assert_string_equal(bed.taken[1], one);
    assert_string_equal(bed.taken[2], two);
    assert_string_equal(bed.taken[3], three);
}

static inline void expect_fault(const char *words)
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

static inline void attach_input(void)
{
    static const struct port ports[] = {{true, true, true, NULL},
                                        {true, false, true, "coracle.stdin"}};

    assert_int_equal(attach(ports, 2), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)

#endif
