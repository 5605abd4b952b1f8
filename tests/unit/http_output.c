/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: apps/httpd/output.c apps/httpd/text.c */
/* libs: -Wl,--wrap=sendmsg */
/*
 * The sending half of httpd's connections against a network that takes what it likes: whatever it
 * takes and refuses, what arrives is what was rendered, each byte once and in order.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "apps/httpd/filecache.h"
#include "apps/httpd/metrics.h"
#include "apps/httpd/output.h"

struct metrics metrics;

static char arrived[1 << 20], expected[1 << 20];
static size_t arrived_len, expected_len;
static enum { RANDOM, ALL, LOST } network;
static size_t file_limit; /* the file has no bytes from here on */
static int file_refs;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    size_t before = arrived_len, len = 0, taken;

    (void)fd;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        len += message->msg_iov[i].iov_len;
    taken = len;
    assert_true(flags & MSG_NOSIGNAL);
    assert_true(len > 0);
    if (network == LOST || (network == RANDOM && rand() % 4 == 0)) {
        errno = network == LOST ? ECONNRESET : rand() % 2 ? EAGAIN : EINTR;
        return -1;
    }
    if (network == RANDOM && rand() % 2 == 0)
        taken = 1 + (size_t)rand() % (rand() % 2 ? len : len < 200 ? len : 200);
    assert_true(arrived_len + taken <= sizeof(arrived));
    for (const struct iovec *piece = message->msg_iov; taken > 0; piece++) {
        size_t part = taken < piece->iov_len ? taken : piece->iov_len;

        memcpy(arrived + arrived_len, piece->iov_base, part);
        arrived_len += part;
        taken -= part;
    }
    return (ssize_t)(arrived_len - before);
}

static char file_byte(uint64_t offset)
{
    return (char)(offset * 7 + offset / 251);
}

long file_read(const struct file *file, char *buf, size_t len, uint64_t offset)
{
    (void)file;
    if (offset >= file_limit)
        return -1;
    if (len > 1 && rand() % 4 == 0)
        len = len / 2;
    for (size_t i = 0; i < len; i++)
        buf[i] = file_byte(offset + i);
    return (long)len;
}

void file_put(struct file *file)
{
    if (file)
        file_refs--;
}

/* Renders a head of some length, and a body of a file from first on. */
static void render(struct output *o, struct file *file, size_t head, uint64_t first, uint64_t count)
{
    struct answer answer = {.file = count > 0 ? file : NULL, .first = first, .count = count};

    for (size_t i = 0; i < head; i++) {
        char c = (char)('A' + rand() % 26);
        text_put(&output_stage, &c, 1);
        expected[expected_len++] = c;
    }
    for (uint64_t i = 0; i < count; i++)
        expected[expected_len++] = file_byte(first + i);
    file_refs += count > 0;
    output_set_body(o, &answer);
    assert_false(output_stage.full);
}

static void flush_all(struct output *o)
{
    int result;

    do {
        result = output_flush(o, 3);
        assert_true(result >= 0);
        assert_int_equal(output_stage.len, 0);
        assert_int_equal(result == 0, output_pending(o));
    } while (result == 0);
    assert_int_equal(file_refs, 0);
    assert_int_equal(arrived_len, expected_len);
    assert_memory_equal(arrived, expected, expected_len);
}

static void test_random_network(void **state)
{
    struct file file = {.fd = 9};
    struct output o = {0};

    (void)state;
    srand(1);
    network = RANDOM;
    file_limit = SIZE_MAX;
    for (int trial = 0; trial < 300; trial++) {
        arrived_len = expected_len = 0;
        for (int answers = rand() % 4; answers >= 0; answers--)
            render(&o, &file, 1 + (size_t)rand() % 5000, 0, 0);
        render(&o, &file, 200, (uint64_t)rand() % 1000,
               (uint64_t)rand() % (trial % 2 ? 300 : 300000));
        flush_all(&o);
    }
}

/* Large content goes out from where it is, behind the head, however little the network takes. */
static void test_large_content(void **state)
{
    static char content[300000];
    struct file file = {.fd = -1, .content = content, .size = sizeof(content)};
    struct output o = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = file_byte(i);
    srand(2);
    network = RANDOM;
    file_limit = 0; /* file_read must not be called */
    for (int trial = 0; trial < 300; trial++) {
        arrived_len = expected_len = 0;
        render(&o, &file, 1 + (size_t)rand() % 500, (uint64_t)rand() % 1000,
               OUTPUT_BODY_MAX + 1 + (uint64_t)rand() % 280000);
        flush_all(&o);
    }
}

static void test_a_turn_is_bounded(void **state)
{
    struct file file = {.fd = 9};
    struct output o = {0};

    (void)state;
    network = ALL;
    file_limit = SIZE_MAX;
    arrived_len = expected_len = 0;
    render(&o, &file, 100, 0, 900000);
    assert_int_equal(output_flush(&o, 3), 0);
    assert_true(arrived_len < 450000);
    flush_all(&o);
}

static void test_small_content_is_copied(void **state)
{
    char content[] = "0123456789";
    struct file file = {.fd = -1, .content = content, .size = 10};
    struct answer answer = {.file = &file, .first = 2, .count = 3};
    struct output o = {0};

    (void)state;
    network = ALL;
    arrived_len = 0;
    file_refs = 1;
    output_set_body(&o, &answer);
    assert_int_equal(file_refs, 0);
    assert_int_equal(output_flush(&o, 3), 1);
    assert_int_equal(arrived_len, 3);
    assert_memory_equal(arrived, "234", 3);
}

static void test_lost(void **state)
{
    struct file file = {.fd = 9};
    struct output o = {0};

    (void)state;
    file_limit = SIZE_MAX;
    expected_len = 0;
    render(&o, &file, 100, 0, 100000);
    network = LOST;
    assert_int_equal(output_flush(&o, 3), -1);
    assert_int_equal(output_stage.len, 0);
    output_drop(&o);
    assert_false(output_pending(&o));
    assert_int_equal(file_refs, 0);

    network = ALL;
    file_limit = 50000;
    expected_len = arrived_len = 0;
    render(&o, &file, 100, 0, 100000);
    assert_int_equal(output_flush(&o, 3), -1);
    assert_int_equal(output_stage.len, 0);
    output_drop(&o);
    assert_int_equal(file_refs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_network),
        cmocka_unit_test(test_large_content),
        cmocka_unit_test(test_a_turn_is_bounded),
        cmocka_unit_test(test_small_content_is_copied),
        cmocka_unit_test(test_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
