/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/launch_cmdline.c monitor/words.c pvabi/bare/cmdline.c */
/* The kernel command line: what the launcher writes is what the guest's own parser reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launch_cmdline.h"
#include "pvabi/bare/cmdline.h"

static struct bare_cmdline parsed;

static void expect_written(const struct launch_cmdline *from, const char *wanted)
{
    struct text text = {0};

    launch_cmdline_write(from, &text);
    assert_string_equal(text.bytes, wanted);
    text_free(&text);
}

static void test_written(void **state)
{
    static char *const args[] = {(char *)(uintptr_t) "first", (char *)(uintptr_t) "two words",
                                 (char *)(uintptr_t) ""};
    static const char *const env[] = {"A=1", "B=\\\""};
    static const struct pvn_net_address nets[] = {
        {.ip4 = {10, 0, 0, 2}, .prefix4 = 24},
        {.prefix4 = 0},
        {.ip4 = {10, 1, 0, 2}, .gateway4 = {10, 1, 0, 1}, .prefix4 = 8},
        {.ip4 = {10, 2, 0, 2}, .dns4 = {8, 8, 8, 8}, .prefix4 = 32},
    };

    (void)state;
    expect_written(&(struct launch_cmdline){.name = "a"}, "name=a");
    expect_written(&(struct launch_cmdline){.name = "my app"}, "\"name=my app\"");
    expect_written(&(struct launch_cmdline){.name = "a",
                                            .args = args,
                                            .arg_count = 3,
                                            .env = env,
                                            .env_count = 2,
                                            .nets = nets,
                                            .net_count = 4,
                                            .wall_ns = 7,
                                            .counters = true,
                                            .mmio_count = 2},
                   "name=a env.A=1 \"env.B=\\\\\\\"\" net0=10.0.0.2/24 net2=10.1.0.2/8,10.1.0.1 "
                   "net3=10.2.0.2/32,0.0.0.0,8.8.8.8 wall=7 counters=1 "
                   "virtio_mmio.device=512@0xfeb00000:5 virtio_mmio.device=512@0xfeb00200:6 "
                   "-- first \"two words\" \"\"");
}

static void read_back(const struct launch_cmdline *from)
{
    struct text text = {0};

    launch_cmdline_write(from, &text);
    assert_false(text.failed);
    assert_true(text.length <= LAUNCH_CMDLINE_MAX);
    memset(&parsed, 0, sizeof parsed);
    bare_cmdline_parse(text.bytes, text.length, &parsed);
    if (parsed.wrong)
        fail_msg("%s in %s", parsed.wrong, text.bytes);
    text_free(&text);
}

static void expect_strings(const char *at, const char *const *wanted, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_string_equal(at, wanted[i]);
        at += strlen(at) + 1;
    }
}

static void test_round_trip(void **state)
{
    static const char *const args[] = {
        "",      "--",   "-- x", "\"",      "\\",           "a\\b\"c d", "tab\there",  "line\nend",
        "wall=", "net0", "'",    "$HOME;*", "\303\244\377", "\001\037",  "\v\f\rend ", "\\\"\\"};
    static const char *const env[] = {"A=", "B=1 2", "C=\"x\\y\"", "D==", "wall=3", "--=--"};
    const unsigned arg_count = sizeof args / sizeof args[0];
    static const struct pvn_net_address nets[] = {
        {.prefix4 = 0},
        {.ip4 = {1, 2, 3, 4}, .gateway4 = {255, 0, 0, 1}, .dns4 = {9, 9, 9, 9}, .prefix4 = 1}};

    (void)state;
    read_back(&(struct launch_cmdline){.name = "dir/a b\"c",
                                       .args = (char *const *)(uintptr_t)args,
                                       .arg_count = arg_count,
                                       .env = env,
                                       .env_count = 6,
                                       .nets = nets,
                                       .net_count = 2,
                                       .wall_ns = 1763872000123456789,
                                       .counters = true,
                                       .mmio_count = LAUNCH_MMIO_MAX});
    assert_int_equal(parsed.arg_count, arg_count + 1);
    assert_string_equal(parsed.args, "dir/a b\"c");
    expect_strings(parsed.args + strlen(parsed.args) + 1, args, arg_count);
    assert_int_equal(parsed.env_count, 6);
    expect_strings(parsed.env, env, 6);
    assert_int_equal(parsed.wall_ns, 1763872000123456789);
    assert_true(parsed.counters);
    assert_int_equal(parsed.net[0].prefix4, 0);
    assert_int_equal(parsed.net[1].prefix4, 1);
    assert_memory_equal(parsed.net[1].ip4, nets[1].ip4, 4);
    assert_memory_equal(parsed.net[1].gateway4, nets[1].gateway4, 4);
    assert_memory_equal(parsed.net[1].dns4, nets[1].dns4, 4);
    assert_int_equal(parsed.mmio_count, LAUNCH_MMIO_MAX);
    for (unsigned i = 0; i < LAUNCH_MMIO_MAX; i++) {
        assert_int_equal(parsed.mmio[i].bytes, 512);
        assert_int_equal(parsed.mmio[i].address, 0xfeb00000u + 512 * i);
        assert_int_equal(parsed.mmio[i].line, 5 + i);
    }
}

/* Words of bytes that matter, at random. */
static void test_random_words(void **state)
{
    static const char alphabet[] = "ab \t\n\"\\-=.";
    char words[4][12];
    char *args[4] = {words[0], words[1], words[2], words[3]};

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        for (unsigned i = 0; i < 4; i++) {
            unsigned length = (unsigned)rand() % sizeof words[i];
            for (unsigned j = 0; j < length; j++)
                words[i][j] = alphabet[(unsigned)rand() % (sizeof alphabet - 1)];
            words[i][length] = 0;
        }
        read_back(&(struct launch_cmdline){.name = "a", .args = args, .arg_count = 4});
        assert_int_equal(parsed.arg_count, 5);
        expect_strings(parsed.args + 2, (const char *const *)(uintptr_t)args, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_random_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
