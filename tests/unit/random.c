/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/random.c kernel/chacha20.c tests/unit/kernel/fake.c */
/* ChaCha20 against RFC 8439, and what the generator promises of its state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "arch/bootrec.h"
#include "kernel/chacha20.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/random.h"
#include "kernel/random_device.h"

static uint64_t next_entropy;
static unsigned device_starts;
static size_t device_bytes; /* that the device has ready */
static unsigned warnings;

bool arch_entropy(uint64_t *value)
{
    if (next_entropy == 0)
        return false;
    *value = next_entropy;
    return true;
}

void random_device_start(void)
{
    device_starts++;
}

size_t random_device_take(void *data, size_t bytes)
{
    size_t got = device_bytes < bytes ? device_bytes : bytes;

    memset(data, 0x77, got);
    device_bytes = 0;
    return got;
}

void log_line(const char *format, ...)
{
    (void)format;
    warnings++;
}

/* RFC 8439, 2.3.2 */
static void chacha20_block_is_that_of_the_rfc(void **state)
{
    static const uint8_t expected[CHACHA20_BLOCK_BYTES] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
    static const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    uint8_t key[CHACHA20_KEY_BYTES], out[CHACHA20_BLOCK_BYTES];

    (void)state;
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    chacha20_block(key, 1, nonce, out);
    assert_memory_equal(out, expected, sizeof(out));
}

/* RFC 8439, appendix A.1, vectors 1 and 5: no key at all; a nonce in the last word. */
static void chacha20_block_agrees_with_appendix_a(void **state)
{
    static const uint8_t first[16] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
                                      0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28};
    static const uint8_t fifth[16] = {0xc2, 0xc6, 0x4d, 0x37, 0x8c, 0xd5, 0x36, 0x37,
                                      0x4a, 0xe2, 0x04, 0xb9, 0xef, 0x93, 0x3f, 0xcd};
    static const uint32_t none[3], last[3] = {0, 0, 0x02000000};
    static const uint8_t key[CHACHA20_KEY_BYTES];
    uint8_t out[CHACHA20_BLOCK_BYTES];

    (void)state;
    chacha20_block(key, 0, none, out);
    assert_memory_equal(out, first, sizeof(first));
    chacha20_block(key, 0, last, out);
    assert_memory_equal(out, fifth, sizeof(fifth));
}

static void the_seed_is_erased_and_numbers_differ(void **state)
{
    static const uint8_t zeros[1000];
    uint8_t seed[BOOTREC_SEED_BYTES], a[1000], b[1000];
    struct bootrec record = {.seed = seed};

    (void)state;
    memset(seed, 0x5a, sizeof(seed));
    random_start(&record);
    assert_memory_equal(seed, zeros, sizeof(seed));
    memset(a, 0, sizeof(a));
    memset(b, 0, sizeof(b));
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    for (unsigned i = 0; i < sizeof(a) - 8; i += 8)
        assert_memory_not_equal(a + i, zeros, 8);
    assert_int_equal(warnings, 0);
}

/* A rough look at the bits: each of 2048 positions is one about half the time. */
static void every_bit_is_used(void **state)
{
    unsigned ones[2048] = {0};
    uint8_t out[256];

    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        random_bytes(out, sizeof(out));
        for (unsigned i = 0; i < 2048; i++)
            ones[i] += out[i / 8] >> i % 8 & 1;
    }
    for (unsigned i = 0; i < 2048; i++)
        assert_in_range(ones[i], 120, 280); /* eight standard deviations */
}

/* The same seed in another process: only what was mixed in tells them apart. */
static uint32_t in_a_child(uint8_t mixed, uint64_t entropy)
{
    uint32_t value = 0;
    int pipes[2];
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        next_entropy = entropy;
        if (mixed != 0)
            random_mix(&mixed, 1);
        value = random_u32();
        _exit(write(pipes[1], &value, sizeof(value)) != sizeof(value));
    }
    assert_int_equal(read(pipes[0], &value, sizeof(value)), sizeof(value));
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    return value;
}

static void mixing_changes_what_follows(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(0, 0), in_a_child(0, 0));
    assert_int_equal(in_a_child(3, 0), in_a_child(3, 0));
    assert_int_not_equal(in_a_child(0, 0), in_a_child(3, 0));
    assert_int_not_equal(in_a_child(4, 0), in_a_child(3, 0));
}

/* The run that mixes in gives fewer bytes than those after it: neither gives any twice. */
static void nothing_repeats_after_mixing(void **state)
{
    static const uint8_t zeros[16];
    uint8_t out[1024];

    (void)state;
    random_mix("new", 3);
    random_bytes(out, 5);
    random_bytes(out, sizeof(out));
    for (unsigned i = 0; i < sizeof(out); i += 16) {
        assert_memory_not_equal(out + i, zeros, 16);
        for (unsigned j = 0; j + 16 <= i; j++)
            assert_memory_not_equal(out + i, out + j, 16);
    }
}

/* Asked for once; its bytes count from the first number after they came. */
static void a_device_adds_entropy(void **state)
{
    uint32_t without, again, with;

    (void)state;
    random_u32();
    assert_int_equal(device_starts, 1);
    without = in_a_child(0, 0);
    again = in_a_child(0, 0);
    device_bytes = 64;
    with = in_a_child(0, 0);
    assert_int_equal(without, again);
    assert_int_not_equal(with, without);
    device_bytes = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chacha20_block_is_that_of_the_rfc),
        cmocka_unit_test(chacha20_block_agrees_with_appendix_a),
        cmocka_unit_test(the_seed_is_erased_and_numbers_differ),
        cmocka_unit_test(every_bit_is_used),
        cmocka_unit_test(mixing_changes_what_follows),
        cmocka_unit_test(nothing_repeats_after_mixing),
        cmocka_unit_test(a_device_adds_entropy),
    };

    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
