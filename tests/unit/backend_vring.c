/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/vring.c monitor/iov.c monitor/memory.c tests/unit/backend/fake_guest.c */
/* The device's side of a virtqueue against an honest and a hostile driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/fake_guest.h"
#include "iov.h"

#define SIZE 8u

static struct fake_guest guest;
static struct vring *ring;
static struct vring_chain chain;

static int setup(void **state)
{
    (void)state;
    guest_init_ring(&guest, SIZE, VRING_FEATURES);
    ring = &guest.queues[0].ring;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guest_destroy(&guest);
    return 0;
}

static void post_one(void)
{
    const struct fake_segment segment = {.offset = 8192, .bytes = 64};

    guest_post(&guest, 0, &segment, 1);
}

static void test_takes_chains_in_order(void **state)
{
    const struct fake_segment segments[] = {
        {8192, 16, false},  {9000, 0, false}, {9000, 100, false},
        {12288, 512, true}, {20000, 1, true},
    };
    uint16_t head;
    uint32_t bytes;

    (void)state;
    assert_int_equal(vring_next(ring, &chain), 0);
    /* Seven times round the table, so that indices wrap. */
    for (int i = 0; i < 7 * (int)SIZE; i++) {
        uint16_t posted = guest_post(&guest, 0, segments, 5);

        assert_int_equal(vring_next(ring, &chain), 1);
        assert_int_equal(chain.head, posted);
        assert_int_equal(chain.readable_count, 2); /* the empty one is left out */
        assert_int_equal(chain.writable_count, 2);
        assert_int_equal(chain.readable_bytes, 116);
        assert_int_equal(chain.writable_bytes, 513);
        assert_ptr_equal(chain.segments[1].iov_base, guest_ram(&guest, 9000));
        assert_ptr_equal(chain.segments[3].iov_base, guest_ram(&guest, 20000));
        assert_int_equal(vring_next(ring, &chain), 0);
        vring_use(ring, posted, 513);
        assert_false(guest_take(&guest, 0, &head, &bytes)); /* not before it is published */
        vring_publish(ring);
        assert_true(guest_take(&guest, 0, &head, &bytes));
        assert_int_equal(head, posted);
        assert_int_equal(bytes, 513);
    }
    assert_null(ring->fault);
}

static void test_index_wraps_at_65536(void **state)
{
    uint16_t head;
    uint32_t bytes;

    (void)state;
    for (unsigned i = 0; i < 70000; i++) {
        guest_set_used_event(&guest, 0, (uint16_t)i);
        post_one();
        assert_int_equal(vring_next(ring, &chain), 1);
        vring_use(ring, chain.head, i);
        assert_true(vring_publish(ring));
        assert_true(guest_take(&guest, 0, &head, &bytes));
        assert_int_equal(bytes, i);
    }
    assert_int_equal(ring->chain_count, 70000);
}

static void serve(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(vring_next(ring, &chain), 1);
        vring_use(ring, chain.head, 0);
    }
}

static void test_events_as_asked(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        post_one();
    assert_false(vring_publish(ring));  /* nothing is used yet */
    guest_set_used_event(&guest, 0, 2); /* at the third used buffer */
    serve(2);
    assert_false(vring_publish(ring));
    serve(3); /* one event for the batch that passes it */
    assert_true(vring_publish(ring));
    serve(3);
    assert_false(vring_publish(ring));
    assert_int_equal(ring->event_count, 1);
}

static void test_events_by_flag(void **state)
{
    (void)state;
    vring_begin(ring, VRING_F_VERSION_1);
    post_one();
    post_one();
    guest.queues[0].driver[0] = 1;
    serve(1);
    assert_false(vring_publish(ring));
    guest.queues[0].driver[0] = 0;
    serve(1);
    assert_true(vring_publish(ring));
}

static void test_doorbells_only_when_enabled(void **state)
{
    (void)state;
    post_one();
    assert_true(guest_must_ring(&guest, 0, 0)); /* the first one, without being asked */
    serve(1);
    post_one();
    assert_false(guest_must_ring(&guest, 0, 1)); /* the device has not asked again */
    assert_true(vring_enable_doorbell(ring));    /* there is one already */
    serve(1);
    assert_false(vring_enable_doorbell(ring));
    post_one();
    assert_true(guest_must_ring(&guest, 0, 2));
    post_one();
    assert_false(guest_must_ring(&guest, 0, 3));
}

/* --- a hostile driver --- */

static void expect_fault(const char *words)
{
    assert_true(vring_next(ring, &chain) < 0);
    assert_non_null(ring->fault);
    assert_non_null(strstr(ring->fault, words));
    /* It stays out of service, and nobody waits for a doorbell that would change that. */
    post_one();
    assert_true(vring_next(ring, &chain) < 0);
    assert_true(vring_enable_doorbell(ring));
    assert_true(vring_is_empty(ring));
}

static void post_raw(struct fake_desc desc)
{
    guest.queues[0].desc[0] = desc;
    guest_avail(&guest, 0, 0);
}

static void test_head_out_of_range(void **state)
{
    (void)state;
    guest_avail(&guest, 0, SIZE);
    expect_fault("head outside");
}

static void test_next_out_of_range(void **state)
{
    (void)state;
    post_raw((struct fake_desc){PVN_RAM_BASE, 1, DESC_NEXT, SIZE});
    expect_fault("next field outside");
}

static void test_loop(void **state)
{
    (void)state;
    post_raw((struct fake_desc){PVN_RAM_BASE, 1, DESC_NEXT, 0});
    expect_fault("longer than the queue");
}

static void test_avail_jump(void **state)
{
    (void)state;
    guest.queues[0].next_avail = SIZE; /* nine at once in a ring of eight */
    guest_avail(&guest, 0, 0);
    expect_fault("jumps");
}

static void test_avail_jump_backwards(void **state)
{
    (void)state;
    post_one();
    serve(1);
    guest.queues[0].next_avail = (uint16_t)-1;
    guest_avail(&guest, 0, 0);
    expect_fault("jumps");
}

static void test_more_in_flight_than_size(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZE; i++)
        post_one();
    for (unsigned i = 0; i < SIZE; i++)
        assert_int_equal(vring_next(ring, &chain), 1);
    post_one(); /* a ninth, though none has come back */
    expect_fault("jumps");
}

static void test_readable_after_writable(void **state)
{
    const struct fake_segment segments[] = {{8192, 8, true}, {9000, 8, false}};

    (void)state;
    guest_post(&guest, 0, segments, 2);
    expect_fault("after a writable");
}

static void test_indirect(void **state)
{
    (void)state;
    post_raw((struct fake_desc){PVN_RAM_BASE + 8192, 32, DESC_INDIRECT, 0});
    expect_fault("indirect");
}

static void test_outside_ram(void **state)
{
    static const struct fake_desc wild[] = {
        {0, 16, 0, 0},
        {PVN_RAM_BASE - 1, 2, 0, 0},
        {PVN_RAM_BASE + GUEST_RAM_BYTES - 8, 9, 0, 0},
        {PVN_RAM_BASE + GUEST_RAM_BYTES, 1, DESC_WRITE, 0},
        {UINT64_MAX - 7, 16, 0, 0},
        {UINT64_MAX, 1, DESC_WRITE, 0},
        {PVN_RAM_BASE + 8192, UINT32_MAX, 0, 0},
        {0x7fffffff00000000, 4096, DESC_WRITE, 0},
    };

    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        post_raw(wild[i]);
        assert_true(vring_next(ring, &chain) < 0);
        teardown(state);
        setup(state);
    }
}

static void test_read_only_text(void **state)
{
    (void)state;
    /* Read it, yes; write it, no: not even its last byte. */
    post_raw((struct fake_desc){PVN_RAM_BASE, GUEST_READ_ONLY_BYTES, 0, 0});
    assert_int_equal(vring_next(ring, &chain), 1);
    vring_use(ring, 0, 0);
    post_raw((struct fake_desc){PVN_RAM_BASE + GUEST_READ_ONLY_BYTES - 1, 16, DESC_WRITE, 0});
    expect_fault("outside writable RAM");
}

static void test_chain_too_long_in_bytes(void **state)
{
    /* Each part is allowed, the sum is not: RAM is made to look large, but nothing touches it. */
    (void)state;
    guest.memory.ram_bytes = 1ull << 40;
    for (uint16_t i = 0; i < 4; i++)
        guest.queues[0].desc[i] = (struct fake_desc){PVN_RAM_BASE, VRING_CHAIN_BYTES_MAX / 3,
                                                     DESC_NEXT, (uint16_t)(i + 1)};
    guest_avail(&guest, 0, 0);
    expect_fault("1 GiB");
}

static void test_iov(void **state)
{
    char text[] = "abcdefghij", copy[16] = "";
    struct iovec segments[] = {{text, 3}, {text + 3, 1}, {text + 4, 6}};
    struct iovec *rest = segments;
    unsigned count;

    (void)state;
    assert_int_equal(iov_bytes(segments, 3), 10);
    assert_int_equal(iov_read(segments, 3, copy, 5), 5);
    assert_string_equal(copy, "abcde");
    assert_int_equal(iov_read(segments, 3, copy, 16), 10);
    count = iov_skip(&rest, 3, 4);
    assert_int_equal(count, 1);
    assert_int_equal(iov_bytes(rest, count), 6);
    count = iov_skip(&rest, count, 2);
    assert_int_equal(iov_write(rest, count, "XYZ", 3), 3);
    assert_string_equal(text, "abcdefXYZj");
    count = iov_trim(rest, count, 2);
    assert_int_equal(iov_bytes(rest, count), 2);
    iov_zero(rest, count);
    assert_memory_equal(text, "abcdef\0\0Zj", 10);
    assert_int_equal(iov_trim(rest, count, 0), 0);
    assert_int_equal(iov_skip(&rest, count, 2), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_takes_chains_in_order),
        TEST(test_index_wraps_at_65536),
        TEST(test_events_as_asked),
        TEST(test_events_by_flag),
        TEST(test_doorbells_only_when_enabled),
        TEST(test_head_out_of_range),
        TEST(test_next_out_of_range),
        TEST(test_loop),
        TEST(test_avail_jump),
        TEST(test_avail_jump_backwards),
        TEST(test_more_in_flight_than_size),
        TEST(test_readable_after_writable),
        TEST(test_indirect),
        TEST(test_outside_ram),
        TEST(test_read_only_text),
        TEST(test_chain_too_long_in_bytes),
        cmocka_unit_test(test_iov),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
