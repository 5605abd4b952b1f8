/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio entropy frontend against a device that the test plays, honest and hostile. */
/* sources: pvabi/virtio/rng.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/virtio/rng.h"
#include "tests/unit/support/device.h"

#define SIZE 4u

static const struct pv_rng_ops *const ops = &virtio_rng_ops;

struct bed {
    struct device device;
    struct device_queue *queue;
    struct pv_rng *rng;
    void *memory;
    uint8_t data[64];
};

static void bed_prepare(struct bed *bed)
{
    memset(bed, 0, sizeof(*bed));
    device_open(&bed->device, PV_RNG, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | 1, 1, SIZE);
    bed->queue = &bed->device.queues[0];
}

static int bed_attach(struct bed *bed)
{
    size_t bytes = ops->memory_bytes(&bed->device.pv);

    assert_int_equal(bytes % 4096u, 0);
    assert_int_equal(posix_memalign(&bed->memory, 4096, bytes), 0);
    memset(bed->memory, 0, bytes);
    return ops->attach(&bed->device.pv, bed->memory, &bed->rng);
}

static void bed_close(struct bed *bed)
{
    device_close(&bed->device);
    free(bed->memory);
}

/* A request, as far as the device sees it. */
static uint16_t bed_ask(struct bed *bed)
{
    uint16_t head;

    assert_int_equal(bed_attach(bed), 0);
    assert_int_equal(ops->post(bed->rng, bed->data, sizeof(bed->data)), 0);
    ops->kick(bed->rng);
    assert_true(device_next(bed->queue, &head));
    return head;
}

static void expect_fault(struct bed *bed, const char *words)
{
    void *buffer;
    uint32_t bytes;

    assert_int_equal(ops->take(bed->rng, &buffer, &bytes), -EIO);
    assert_non_null(bed->rng->fault);
    assert_non_null(strstr(bed->rng->fault, words));
    assert_int_equal(ops->post(bed->rng, bed->data, 1), -EIO);
    assert_true(ops->ask(bed->rng));
    ops->kick(bed->rng);
    assert_int_equal(ops->take(bed->rng, &buffer, &bytes), -EIO);
    assert_int_equal(bed->device.failed, 1);
    bed_close(bed);
}

static void test_bytes_arrive(void **state)
{
    struct bed bed;
    uint16_t head;
    void *buffer;
    uint32_t bytes;

    (void)state;
    bed_prepare(&bed);
    head = bed_ask(&bed);
    assert_int_equal(bed.device.accepted, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
    assert_true(bed.device.driver_ok);
    assert_int_equal(bed.rng->event, 10);
    assert_int_equal(bed.queue->notified, 1);
    assert_int_equal(device_chain_length(bed.queue, head), 1);
    assert_int_equal(device_desc(bed.queue, head, 0)->flags, VIRTQ_DESC_WRITE);
    assert_int_equal(device_desc(bed.queue, head, 0)->bytes, 64);
    assert_ptr_equal(device_buffer(bed.queue, head, 0), bed.data);
    assert_int_equal(ops->take(bed.rng, &buffer, &bytes), 0);
    assert_false(ops->ask(bed.rng));
    device_use(bed.queue, head, 17);
    assert_true(ops->ask(bed.rng));
    assert_int_equal(ops->take(bed.rng, &buffer, &bytes), 1);
    assert_ptr_equal(buffer, bed.data);
    assert_int_equal(bytes, 17);
    assert_int_equal(ops->take(bed.rng, &buffer, &bytes), 0);
    bed_close(&bed);
}

static void test_full_and_malformed(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed);
    assert_int_equal(bed_attach(&bed), 0);
    assert_int_equal(ops->post(bed.rng, bed.data, 0), -EINVAL);
    for (unsigned i = 0; i < SIZE; i++)
        assert_int_equal(ops->post(bed.rng, bed.data, 8), 0);
    assert_int_equal(ops->post(bed.rng, bed.data, 8), -EAGAIN);
    bed_close(&bed);
}

static void test_refused(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed);
    bed.device.refuses = true;
    assert_int_equal(bed_attach(&bed), -EIO);
    expect_fault(&bed, "negotiation");
    bed_prepare(&bed);
    bed.device.breaks_set_up = true;
    assert_int_equal(bed_attach(&bed), -EIO);
    expect_fault(&bed, "set-up");
    bed_prepare(&bed);
    device_queue_close(bed.queue);
    assert_int_equal(bed_attach(&bed), -EIO);
    expect_fault(&bed, "missing");
}

static void test_ring_abuse(void **state)
{
    struct bed bed;
    uint16_t head;
    void *buffer;
    uint32_t bytes;

    (void)state;
    bed_prepare(&bed);
    device_use(bed.queue, bed_ask(&bed), 65); /* more than was posted */
    expect_fault(&bed, "used length");

    bed_prepare(&bed);
    bed_ask(&bed);
    device_use(bed.queue, SIZE, 8);
    expect_fault(&bed, "used id");

    bed_prepare(&bed);
    head = bed_ask(&bed);
    device_use(bed.queue, head, 8);
    assert_int_equal(ops->take(bed.rng, &buffer, &bytes), 1);
    device_use(bed.queue, head, 8); /* once more */
    expect_fault(&bed, "beyond what was queued");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_arrive),
        cmocka_unit_test(test_full_and_malformed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_ring_abuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
