/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of the split virtqueue against a device that the test plays, honest and
 * hostile.
 */
/* sources: pvabi/virtio/virtqueue.c tests/unit/support/device.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/virtio/virtqueue.h"
#include "tests/unit/support/device.h"

#define SIZE 8u

struct bed {
    struct device_queue device;
    struct virtqueue vq;
    void *table;
    uint8_t data[SIZE][64];
};

static void bed_open(struct bed *bed, bool event_index)
{
    struct virtio_queue_place place;

    memset(bed, 0, sizeof(*bed));
    device_queue_open(&bed->device, SIZE);
    bed->table = calloc(1, virtqueue_table_bytes(SIZE));
    place = device_queue_place(&bed->device);
    virtqueue_init(&bed->vq, SIZE, bed->table, &place, event_index);
}

static void bed_close(struct bed *bed)
{
    device_queue_close(&bed->device);
    free(bed->table);
}

/* A chain of `readable` and `writable` parts of 64 bytes with the cookie &bed->data[n]. */
static int add(struct bed *bed, unsigned n, unsigned readable, unsigned writable)
{
    struct virtqueue_buffer buffers[SIZE + 1u];

    for (unsigned i = 0; i < readable + writable; i++)
        buffers[i] = (struct virtqueue_buffer){bed->data[i % SIZE], sizeof(bed->data[0])};
    return virtqueue_add(&bed->vq, buffers, readable, writable, bed->data[n]);
}

static uint16_t add_and_see(struct bed *bed, unsigned n, unsigned readable, unsigned writable)
{
    uint16_t head = 0;

    assert_int_equal(add(bed, n, readable, writable), 0);
    virtqueue_publish(&bed->vq);
    assert_true(device_next(&bed->device, &head));
    return head;
}

static void expect_fault(struct bed *bed, const char *words)
{
    struct virtqueue_used used;

    assert_int_equal(virtqueue_take(&bed->vq, &used), -EIO);
    assert_non_null(bed->vq.fault);
    assert_non_null(strstr(bed->vq.fault, words));
    /* It stays out of service, quietly. */
    assert_int_equal(virtqueue_take(&bed->vq, &used), -EIO);
    assert_int_equal(add(bed, 0, 0, 1), -EIO);
    assert_false(virtqueue_publish(&bed->vq));
    assert_true(virtqueue_ask(&bed->vq));
    bed_close(bed);
}

/* ---- an honest device --------------------------------------------------------------------- */

static void test_chain_layout(void **state)
{
    struct bed bed;
    uint16_t head, other;

    (void)state;
    bed_open(&bed, true);
    assert_int_equal(add(&bed, 0, 2, 1), 0);
    assert_false(device_next(&bed.device, &head)); /* not before it is published */
    assert_true(virtqueue_publish(&bed.vq));
    assert_true(device_next(&bed.device, &head));
    assert_false(device_next(&bed.device, &other));
    assert_int_equal(device_chain_length(&bed.device, head), 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct virtq_desc *desc = device_desc(&bed.device, head, i);

        assert_int_equal(desc->address, (uintptr_t)bed.data[i]);
        assert_int_equal(desc->bytes, 64);
        assert_int_equal(desc->flags & VIRTQ_DESC_WRITE, i == 2 ? VIRTQ_DESC_WRITE : 0);
    }
    bed_close(&bed);
}

static void test_round_trip(void **state)
{
    struct bed bed;
    struct virtqueue_used used;
    uint16_t head;

    (void)state;
    bed_open(&bed, true);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 0);
    head = add_and_see(&bed, 5, 1, 2);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 0);
    device_use(&bed.device, head, 128);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
    assert_ptr_equal(used.cookie, bed.data[5]);
    assert_int_equal(used.bytes, 128);
    assert_int_equal(used.head, head);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 0);
    assert_int_equal(virtqueue_free(&bed.vq), SIZE);
    bed_close(&bed);
}

static void test_full_ring(void **state)
{
    struct bed bed;
    struct virtqueue_used used;
    uint16_t heads[4];

    (void)state;
    bed_open(&bed, true);
    assert_int_equal(add(&bed, 0, SIZE, 1), -EAGAIN);
    for (unsigned i = 0; i < 4; i++)
        heads[i] = add_and_see(&bed, i, 1, 1);
    assert_int_equal(virtqueue_free(&bed.vq), 0);
    assert_int_equal(add(&bed, 4, 1, 0), -EAGAIN);
    device_use(&bed.device, heads[2], 0);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
    assert_int_equal(add(&bed, 4, 2, 1), -EAGAIN);
    assert_int_equal(add(&bed, 4, 1, 1), 0);
    bed_close(&bed);
}

/* Chains of all lengths, returned in any order, until every index has wrapped more than once. */
static void test_any_order_and_wrap(void **state)
{
    struct bed bed;
    struct virtqueue_used used;
    uint16_t heads[SIZE];
    unsigned held = 0, cookies[SIZE], done = 0, seed = 1;

    (void)state;
    bed_open(&bed, true);
    while (done < 150000) {
        unsigned count;

        seed = seed * 1103515245u + 12345u;
        count = 1u + (seed >> 16) % 3u;
        if (held < SIZE && virtqueue_free(&bed.vq) >= count) {
            cookies[held] = (seed >> 20) % SIZE;
            heads[held] = add_and_see(&bed, cookies[held], count - 1u, 1);
            held++;
        } else {
            unsigned pick = (seed >> 18) % held;

            device_use(&bed.device, heads[pick], pick);
            assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
            assert_ptr_equal(used.cookie, bed.data[cookies[pick]]);
            assert_int_equal(used.head, heads[pick]);
            assert_int_equal(used.bytes, pick);
            heads[pick] = heads[--held];
            cookies[pick] = cookies[held];
            done++;
        }
    }
    bed_close(&bed);
}

static void test_kick_by_event_index(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, true);
    assert_false(virtqueue_publish(&bed.vq)); /* nothing new */
    add(&bed, 0, 1, 0);
    assert_true(virtqueue_publish(&bed.vq)); /* avail_event 0 is crossed by index 1 */
    add(&bed, 0, 1, 0);
    assert_false(virtqueue_publish(&bed.vq)); /* still 0: the device is awake */
    device_avail_event_set(&bed.device, 3);
    add(&bed, 0, 1, 0);
    assert_false(virtqueue_publish(&bed.vq)); /* now 3 */
    add(&bed, 0, 1, 0);
    add(&bed, 0, 1, 0);
    assert_true(virtqueue_publish(&bed.vq)); /* 3 to 5 */
    device_avail_event_set(&bed.device, 5);
    add(&bed, 0, 1, 0);
    assert_true(virtqueue_publish(&bed.vq));
    bed_close(&bed);
}

static void test_kick_by_flag(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, false);
    add(&bed, 0, 1, 0);
    assert_true(virtqueue_publish(&bed.vq));
    bed.device.used->flags = VIRTQ_USED_NO_NOTIFY;
    add(&bed, 0, 1, 0);
    assert_false(virtqueue_publish(&bed.vq));
    bed.device.used->flags = 0;
    add(&bed, 0, 1, 0);
    assert_true(virtqueue_publish(&bed.vq));
    bed_close(&bed);
}

static void test_ask_by_event_index(void **state)
{
    struct bed bed;
    struct virtqueue_used used;
    uint16_t head;

    (void)state;
    bed_open(&bed, true);
    head = add_and_see(&bed, 0, 0, 1);
    assert_false(virtqueue_ask(&bed.vq));
    assert_int_equal(device_used_event(&bed.device), 0);
    device_use(&bed.device, head, 0);
    assert_true(virtqueue_ask(&bed.vq)); /* came in between: no event will follow */
    assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
    assert_int_equal(device_used_event(&bed.device), 0); /* no event before it is asked for */
    assert_false(virtqueue_ask(&bed.vq));
    assert_int_equal(device_used_event(&bed.device), 1);
    bed_close(&bed);
}

static void test_ask_by_flag(void **state)
{
    struct bed bed;
    struct virtqueue_used used;
    uint16_t head;

    (void)state;
    bed_open(&bed, false);
    head = add_and_see(&bed, 0, 0, 1);
    assert_int_equal(bed.device.avail->flags, 0);
    device_use(&bed.device, head, 0);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
    assert_int_equal(bed.device.avail->flags, VIRTQ_AVAIL_NO_INTERRUPT);
    assert_false(virtqueue_ask(&bed.vq));
    assert_int_equal(bed.device.avail->flags, 0);
    bed_close(&bed);
}

/* ---- a hostile device --------------------------------------------------------------------- */

static void test_index_too_far(void **state)
{
    struct bed bed;
    uint16_t head;

    (void)state;
    bed_open(&bed, true);
    head = add_and_see(&bed, 0, 0, 1);
    device_use(&bed.device, head, 0);
    bed.device.used->idx = 2;
    expect_fault(&bed, "used index");
}

static void test_index_backwards(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, true);
    add_and_see(&bed, 0, 0, 1);
    bed.device.used->idx = (uint16_t)-1;
    expect_fault(&bed, "used index");
}

static void test_id_out_of_range(void **state)
{
    static const uint32_t ids[] = {SIZE, SIZE + 1u, 0xffff, 0x10000, 0x80000000u, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct bed bed;

        bed_open(&bed, true);
        add_and_see(&bed, 0, 0, 1);
        device_use(&bed.device, ids[i], 0);
        expect_fault(&bed, "used id");
    }
}

static void test_id_not_in_flight(void **state)
{
    struct bed bed;
    uint16_t head;

    (void)state;
    bed_open(&bed, true);
    head = add_and_see(&bed, 0, 0, 1);
    device_use(&bed.device, (head + 3u) % SIZE, 0);
    expect_fault(&bed, "used id");
}

static void test_id_inside_a_chain(void **state)
{
    struct bed bed;
    uint16_t head;

    (void)state;
    bed_open(&bed, true);
    head = add_and_see(&bed, 0, 1, 2);
    device_use(&bed.device, device_desc(&bed.device, head, 0)->next, 0);
    expect_fault(&bed, "used id");
}

static void test_completion_repeated(void **state)
{
    struct bed bed;
    struct virtqueue_used used;
    uint16_t head;

    (void)state;
    bed_open(&bed, true);
    head = add_and_see(&bed, 0, 1, 1);
    add_and_see(&bed, 1, 1, 1);
    device_use(&bed.device, head, 0);
    device_use(&bed.device, head, 0);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
    expect_fault(&bed, "used id");
}

static void test_length_beyond_buffer(void **state)
{
    static const struct {
        unsigned readable, writable;
        uint32_t bytes;
    } cases[] = {{0, 1, 65}, {1, 1, 65}, {2, 2, 129}, {2, 0, 1}, {0, 1, UINT32_MAX}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        uint16_t head;

        bed_open(&bed, true);
        head = add_and_see(&bed, 0, cases[i].readable, cases[i].writable);
        device_use(&bed.device, head, cases[i].bytes);
        expect_fault(&bed, "used length");
    }
}

/* What the device writes over the driver's parts changes nothing that the driver believes. */
static void test_descriptors_overwritten(void **state)
{
    struct bed bed;
    struct virtqueue_used used;
    uint16_t heads[2];

    (void)state;
    bed_open(&bed, true);
    heads[0] = add_and_see(&bed, 0, 1, 1);
    heads[1] = add_and_see(&bed, 1, 2, 1);
    memset(bed.device.desc, 0xff, VIRTQ_DESC_BYTES(SIZE));
    memset(bed.device.avail, 0xff, VIRTQ_AVAIL_BYTES(SIZE));
    device_use(&bed.device, heads[1], 64);
    device_use(&bed.device, heads[0], 0);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
    assert_ptr_equal(used.cookie, bed.data[1]);
    assert_int_equal(virtqueue_take(&bed.vq, &used), 1);
    assert_ptr_equal(used.cookie, bed.data[0]);
    assert_int_equal(virtqueue_free(&bed.vq), SIZE);
    for (unsigned i = 0; i < SIZE; i++) /* the free list is whole */
        assert_int_equal(add(&bed, i, 1, 0), 0);
    assert_int_equal(add(&bed, 0, 1, 0), -EAGAIN);
    bed_close(&bed);
}

/* Every value at random, for long: no fault may do more than take the queue out of service. */
static void test_random_device(void **state)
{
    (void)state;
    srand(7);
    for (unsigned round = 0; round < 3000; round++) {
        struct bed bed;
        struct virtqueue_used used;

        bed_open(&bed, round & 1u);
        for (unsigned step = 0; step < 40 && !bed.vq.fault; step++) {
            unsigned readable = (unsigned)rand() % 3u, writable = (unsigned)rand() % 3u;

            if (readable + writable)
                add(&bed, (unsigned)rand() % SIZE, readable, writable);
            virtqueue_publish(&bed.vq);
            device_use(&bed.device, (uint32_t)rand() % (SIZE + 1u), (uint32_t)rand() % 130u);
            if (rand() % 16 == 0)
                bed.device.used->idx = (uint16_t)rand();
            while (virtqueue_take(&bed.vq, &used) == 1)
                assert_in_range(used.head, 0, SIZE - 1u);
            virtqueue_ask(&bed.vq);
            assert_true(virtqueue_free(&bed.vq) <= SIZE);
        }
        bed_close(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_layout),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_any_order_and_wrap),
        cmocka_unit_test(test_kick_by_event_index),
        cmocka_unit_test(test_kick_by_flag),
        cmocka_unit_test(test_ask_by_event_index),
        cmocka_unit_test(test_ask_by_flag),
        cmocka_unit_test(test_index_too_far),
        cmocka_unit_test(test_index_backwards),
        cmocka_unit_test(test_id_out_of_range),
        cmocka_unit_test(test_id_not_in_flight),
        cmocka_unit_test(test_id_inside_a_chain),
        cmocka_unit_test(test_completion_repeated),
        cmocka_unit_test(test_length_beyond_buffer),
        cmocka_unit_test(test_descriptors_overwritten),
        cmocka_unit_test(test_random_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
