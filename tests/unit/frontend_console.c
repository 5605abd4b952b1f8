/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio console frontend with one port, against a device that the test plays, honest and
 * hostile. */
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

#define SIZE 4u
#define ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX)

static const struct pv_console_ops *const ops = &virtio_console_ops;

struct bed {
    struct device device;
    struct pv_console *console;
    void *memory;
    char text[32];
};

/* What the device of the moment has taken as output, and how it behaves meanwhile. */
static struct bed *acting;
static char taken[4096];
static size_t taken_bytes;
static enum { HONEST, SILENT, WILD_ID, TOO_LONG, TWICE } manner;

/* The device's turn, each time the frontend looks at the clock. */
static void device_takes_output(void)
{
    struct device_queue *queue = &acting->device.queues[1];
    uint16_t head;

    if (manner == SILENT || !device_next(queue, &head))
        return;
    for (unsigned n = 0; device_desc(queue, head, n); n++) {
        const struct virtq_desc *desc = device_desc(queue, head, n);

        assert_false(desc->flags & VIRTQ_DESC_WRITE);
        assert_true(taken_bytes + desc->bytes <= sizeof(taken));
        memcpy(taken + taken_bytes, device_buffer(queue, head, n), desc->bytes);
        taken_bytes += desc->bytes;
    }
    device_use(queue, manner == WILD_ID ? 77u : head, manner == TOO_LONG ? 1u : 0u);
    if (manner == TWICE)
        device_use(queue, head, 0);
}

static int bed_attach(struct bed *bed)
{
    size_t bytes = ops->memory_bytes(&bed->device.pv);

    assert_int_equal(posix_memalign(&bed->memory, 4096, bytes), 0);
    memset(bed->memory, 0, bytes);
    return ops->attach(&bed->device.pv, bed->memory, &bed->console);
}

static void bed_open(struct bed *bed, unsigned queue_count)
{
    memset(bed, 0, sizeof(*bed));
    device_open(&bed->device, PV_CONSOLE, ALL | 1u, queue_count, SIZE);
    acting = bed;
    clock_on_look = device_takes_output;
    manner = HONEST;
    taken_bytes = 0;
    assert_int_equal(bed_attach(bed), 0);
}

static void bed_close(struct bed *bed)
{
    device_close(&bed->device);
    free(bed->memory);
}

static uint16_t post_and_see(struct bed *bed)
{
    uint16_t head;

    assert_int_equal(ops->rx_post(bed->console, bed->text, sizeof(bed->text), bed), 0);
    ops->rx_kick(bed->console);
    assert_true(device_next(&bed->device.queues[0], &head));
    return head;
}

static void expect_fault(struct bed *bed, const char *words)
{
    void *cookie;
    uint32_t bytes;

    assert_int_equal(ops->rx_take(bed->console, &cookie, &bytes), -EIO);
    assert_non_null(strstr(bed->console->fault, words));
    assert_int_equal(bed->device.failed, 1);
    assert_int_equal(ops->rx_post(bed->console, bed->text, 1, bed), -EIO);
    assert_int_equal(ops->write(bed->console, PV_STDOUT, bed->text, 1), -EIO);
    assert_true(ops->rx_ask(bed->console));
    ops->rx_kick(bed->console);
    bed_close(bed);
}

static void test_input(void **state)
{
    struct bed bed;
    void *cookie;
    uint32_t bytes = 1;
    uint16_t head;

    (void)state;
    bed_open(&bed, 2);
    assert_int_equal(bed.device.accepted, ALL);
    assert_int_equal(bed.console->rx_slots, SIZE);
    assert_int_equal(bed.console->rx_event, 10);
    head = post_and_see(&bed);
    assert_int_equal(bed.device.queues[0].notified, 1);
    assert_true(device_desc(&bed.device.queues[0], head, 0)->flags & VIRTQ_DESC_WRITE);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 0);
    assert_false(ops->rx_ask(bed.console));
    device_use(&bed.device.queues[0], head, 5);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 1);
    assert_ptr_equal(cookie, &bed);
    assert_int_equal(bytes, 5);
    device_use(&bed.device.queues[0], post_and_see(&bed), 0);
    assert_int_equal(ops->rx_take(bed.console, &cookie, &bytes), 1);
    assert_int_equal(bytes, 0); /* the end of the input */
    bed_close(&bed);
}

static void test_output(void **state)
{
    static char much[3000];
    struct bed bed;

    (void)state;
    bed_open(&bed, 2);
    assert_true(bed.console->writable);
    assert_false(bed.console->log_apart);
    assert_int_equal(ops->write(bed.console, PV_STDOUT, "one ", 4), 4);
    assert_int_equal(ops->write(bed.console, PV_STDERR, "two ", 4), 4);
    assert_int_equal(ops->write(bed.console, PV_LOG, "three", 5), 5);
    assert_int_equal(ops->write(bed.console, PV_LOG, "", 0), 0);
    assert_int_equal(taken_bytes, 13);
    assert_memory_equal(taken, "one two three", 13);
    for (unsigned i = 0; i < sizeof(much); i++)
        much[i] = (char)(i * 7u);
    taken_bytes = 0;
    assert_int_equal(ops->write(bed.console, PV_STDOUT, much, sizeof(much)), sizeof(much));
    assert_memory_equal(taken, much, sizeof(much));
    assert_null(bed.console->fault);
    bed_close(&bed);
}

static void test_input_only(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    assert_false(bed.console->writable);
    assert_int_equal(ops->write(bed.console, PV_STDOUT, bed.text, 3), -EIO);
    assert_null(bed.console->fault);
    post_and_see(&bed);
    bed_close(&bed);
}

/* The platform has attached the device: everybody else gets what it has. */
static void test_attached_already(void **state)
{
    struct pv_console *again = NULL;
    struct bed bed;

    (void)state;
    bed_open(&bed, 2);
    bed.device.pv.console = bed.console;
    assert_int_equal(ops->memory_bytes(&bed.device.pv), 0);
    assert_int_equal(ops->attach(&bed.device.pv, NULL, &again), 0);
    assert_ptr_equal(again, bed.console);
    bed.console->fault = "broken";
    assert_int_equal(ops->attach(&bed.device.pv, NULL, &again), -EIO);
    bed_close(&bed);
}

/* Half a minute, and no more: then the device is out of service, and says so at once. */
static void test_output_is_never_taken(void **state)
{
    struct bed bed;
    uint64_t begin;

    (void)state;
    bed_open(&bed, 2);
    manner = SILENT;
    begin = clock_now_ns;
    assert_int_equal(ops->write(bed.console, PV_STDOUT, "x", 1), -EIO);
    assert_in_range(clock_now_ns - begin, 30000000000ull, 31000000000ull);
    begin = clock_now_ns;
    assert_int_equal(ops->write(bed.console, PV_LOG, "x", 1), -EIO);
    assert_int_equal(clock_now_ns, begin);
    assert_int_equal(bed.device.config_writes, 0); /* it does not offer that */
    expect_fault(&bed, "not taken");
}

/* The log finds a way out that needs no queue; the program's output does not. */
static void test_emergency_write(void **state)
{
    struct bed bed;

    (void)state;
    memset(&bed, 0, sizeof(bed));
    device_open(&bed.device, PV_CONSOLE, ALL | VIRTIO_CONSOLE_F_EMERG_WRITE, 2, SIZE);
    acting = &bed;
    manner = SILENT;
    assert_int_equal(bed_attach(&bed), 0);
    assert_int_equal(ops->write(bed.console, PV_STDOUT, "ab", 2), -EIO);
    assert_int_equal(bed.device.config_writes, 0);
    assert_int_equal(ops->write(bed.console, PV_LOG, "ab\n", 3), 3);
    assert_int_equal(bed.device.config_writes, 3);
    assert_int_equal(bed.device.written[2], '\n');
    expect_fault(&bed, "not taken");
}

static void test_refused(void **state)
{
    struct bed bed;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        memset(&bed, 0, sizeof(bed));
        device_open(&bed.device, PV_CONSOLE, ALL, i == 2 ? 0 : 2, SIZE);
        bed.device.refuses = i == 0;
        bed.device.breaks_set_up = i == 1;
        assert_int_equal(bed_attach(&bed), -EIO);
        assert_false(bed.device.driver_ok);
        expect_fault(&bed, i == 0 ? "negotiation" : i == 1 ? "set-up" : "missing");
    }
}

static void test_ring_abuse(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 2);
    device_use(&bed.device.queues[0], post_and_see(&bed), sizeof(bed.text) + 1u);
    expect_fault(&bed, "used length");

    bed_open(&bed, 2);
    device_use(&bed.device.queues[0], 0, 0); /* nothing was posted */
    expect_fault(&bed, "used index");

    for (int how = WILD_ID; how <= TWICE; how++) {
        static const char *const faults[] = {
            [WILD_ID] = "used id", [TOO_LONG] = "used length", [TWICE] = "used index"};

        bed_open(&bed, 2);
        manner = how;
        assert_int_equal(ops->write(bed.console, PV_STDOUT, "x", 1), -EIO);
        expect_fault(&bed, faults[how]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_input_only),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_ring_abuse),
        cmocka_unit_test(test_attached_already),
        cmocka_unit_test(test_output_is_never_taken),
        cmocka_unit_test(test_emergency_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
