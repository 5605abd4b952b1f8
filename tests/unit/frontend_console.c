/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio console frontend against a device that the test plays, honest and hostile. */
/* sources: pvabi/virtio/console.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/virtio/console.h"
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
    assert_int_equal(ops->tx_take(bed->console, &cookie), -EIO);
    assert_non_null(strstr(bed->console->fault, words));
    assert_int_equal(bed->device.failed, 1);
    assert_int_equal(ops->rx_post(bed->console, bed->text, 1, bed), -EIO);
    assert_int_equal(ops->tx_post(bed->console, bed->text, 1, bed), -EIO);
    assert_true(ops->rx_ask(bed->console));
    ops->rx_kick(bed->console);
    ops->tx_kick(bed->console);
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
    struct bed bed;
    void *cookie = NULL;
    uint16_t head;

    (void)state;
    bed_open(&bed, 2);
    assert_int_equal(bed.console->tx_event, 11);
    for (unsigned i = 0; i < bed.console->tx_slots; i++)
        assert_int_equal(ops->tx_post(bed.console, bed.text, 3, &bed), 0);
    assert_int_equal(ops->tx_post(bed.console, bed.text, 3, &bed), -EAGAIN);
    assert_int_equal(ops->tx_post(bed.console, bed.text, 0, &bed), -EINVAL);
    ops->tx_kick(bed.console);
    assert_int_equal(bed.device.queues[1].notified, 1);
    assert_true(device_next(&bed.device.queues[1], &head));
    assert_false(device_desc(&bed.device.queues[1], head, 0)->flags & VIRTQ_DESC_WRITE);
    device_use(&bed.device.queues[1], head, 0);
    assert_int_equal(ops->tx_take(bed.console, &cookie), 1);
    assert_ptr_equal(cookie, &bed);
    bed_close(&bed);
}

static void test_input_only(void **state)
{
    struct bed bed;
    void *cookie;

    (void)state;
    bed_open(&bed, 1);
    assert_int_equal(bed.console->tx_slots, 0);
    assert_int_equal(ops->tx_post(bed.console, bed.text, 3, &bed), -EAGAIN);
    assert_int_equal(ops->tx_take(bed.console, &cookie), 0);
    ops->tx_kick(bed.console);
    post_and_see(&bed);
    bed_close(&bed);
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
    void *cookie;

    (void)state;
    bed_open(&bed, 2);
    device_use(&bed.device.queues[0], post_and_see(&bed), sizeof(bed.text) + 1u);
    expect_fault(&bed, "used length");

    bed_open(&bed, 2);
    device_use(&bed.device.queues[0], 0, 0); /* nothing was posted */
    expect_fault(&bed, "used index");

    bed_open(&bed, 2);
    assert_int_equal(ops->tx_post(bed.console, bed.text, 3, &bed), 0);
    ops->tx_kick(bed.console);
    device_use(&bed.device.queues[1], 77, 0);
    assert_int_equal(ops->tx_take(bed.console, &cookie), -EIO);
    expect_fault(&bed, "used id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input),      cmocka_unit_test(test_output),
        cmocka_unit_test(test_input_only), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_ring_abuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
