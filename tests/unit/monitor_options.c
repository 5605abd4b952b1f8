/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/options.c */
/* The command line: what is accepted, and a line that names option and value for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "options.h"

#define WORDS_MAX 400

static struct options options;
static char error[OPTIONS_ERROR_MAX];
static char *words[WORDS_MAX];
static int word_count;

static int parse(const char *first, ...)
{
    va_list list;
    va_start(list, first);
    word_count = 0;
    words[word_count++] = (char *)(uintptr_t) "coracle";
    for (const char *word = first; word; word = va_arg(list, const char *))
        words[word_count++] = (char *)(uintptr_t)word;
    va_end(list);
    words[word_count] = NULL;
    return options_parse(word_count, words, &options, error);
}

#define accept(...) assert_int_equal(parse(__VA_ARGS__, NULL), 0)
#define refuse(part, ...)                                        \
    do {                                                         \
        assert_int_equal(parse(__VA_ARGS__, NULL), -EINVAL);     \
        if (!strstr(error, part))                                \
            fail_msg("\"%s\" does not say \"%s\"", error, part); \
    } while (0)

static void test_defaults(void **state)
{
    (void)state;
    accept("run", "image");
    assert_int_equal(options.command, COMMAND_RUN);
    assert_int_equal(options.mem_bytes, 32u << 20);
    assert_int_equal(options.timeout_ns, 0);
    assert_null(options.stats);
    assert_int_equal(options.device_count, 0);
    assert_int_equal(options.env_count, 0);
    assert_int_equal(options.arg_count, 1);
    assert_string_equal(options.args[0], "image");
}

static void test_commands(void **state)
{
    (void)state;
    accept("--help");
    assert_int_equal(options.command, COMMAND_HELP);
    accept("run", "--help");
    assert_int_equal(options.command, COMMAND_HELP);
    accept("--version");
    assert_int_equal(options.command, COMMAND_VERSION);
    accept("inspect", "image");
    assert_int_equal(options.command, COMMAND_INSPECT);
    accept("inspect", "--", "--image");
    assert_string_equal(options.args[0], "--image");
    refuse("no command", NULL);
    refuse("sail", "sail");
    refuse("IMAGE", "inspect");
    refuse("--x", "inspect", "--x", "image");
    refuse("second", "inspect", "first", "second");
}

/* Each command takes the options that mean something to it, and no others. */
static void test_options_of_commands(void **state)
{
    (void)state;
    refuse("--on: image has no such option", "image", "--on", "pc", "-o", "d.raw", "i");
    refuse("--stats: image", "image", "-o", "d.raw", "i", "--stats", "s");
    refuse("--blk: image", "image", "--blk", "b", "-o", "d.raw", "i");
    refuse("--mem: image", "image", "--mem=8M", "-o", "d.raw", "i");
    refuse("--print: firecracker-config", "firecracker-config", "--print", "i");
    refuse("--timeout: firecracker-config", "firecracker-config", "--timeout", "3", "i");
    refuse("-o: no such option", "run", "-o", "d.raw", "i");
    accept("firecracker-config", "--mem", "8M", "--blk", "b", "--env", "A=B", "--net", "tap:t",
           "i");
    accept("image", "--env", "A=B", "--net", "dhcp", "-o", "d.raw", "i");
}

static void test_where_options_end(void **state)
{
    (void)state;
    accept("run", "image", "--mem", "nonsense", "--");
    assert_int_equal(options.arg_count, 4);
    assert_string_equal(options.args[1], "--mem");
    accept("run", "--mem", "1M", "--", "--image", "x");
    assert_string_equal(options.args[0], "--image");
    assert_int_equal(options.arg_count, 2);
    accept("run", "-"); /* a file with that name */
    assert_string_equal(options.args[0], "-");
    refuse("IMAGE", "run");
    refuse("IMAGE", "run", "--");
    refuse("IMAGE", "run", "");
    refuse("IMAGE", "run", "--mem", "1M");
    refuse("--sail", "run", "--sail", "image");
    refuse("-m", "run", "-m", "image");
    refuse("--memo", "run", "--memo=1M", "image");
    refuse("--me", "run", "--me", "1M", "image");
}

static void test_sizes(void **state)
{
    (void)state;
    accept("run", "--mem", "4K", "i");
    assert_int_equal(options.mem_bytes, 4096);
    accept("run", "--mem=512k", "i");
    assert_int_equal(options.mem_bytes, 512u << 10);
    accept("run", "--mem=8192", "i");
    assert_int_equal(options.mem_bytes, 8192);
    accept("run", "--mem", "256G", "i");
    assert_int_equal(options.mem_bytes, 256ull << 30);
    static const char *const wrong[] = {"",
                                        "M",
                                        "-1M",
                                        "1.5M",
                                        "0",
                                        "0M",
                                        "4095",
                                        "4097",
                                        "1T",
                                        "1MB",
                                        " 1M",
                                        "257G",
                                        "1M ",
                                        "0x10",
                                        "1000000000K",
                                        "99999999999999999999",
                                        "18446744073709551616K"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        refuse("--mem", "run", "--mem", wrong[i], "i");
        refuse(wrong[i], "run", "--mem", wrong[i], "i");
    }
    refuse("--mem", "run", "--mem");
}

static void test_timeouts(void **state)
{
    (void)state;
    accept("run", "--timeout", "1", "i");
    assert_int_equal(options.timeout_ns, 1000000000);
    accept("run", "--timeout=0.25", "i");
    assert_int_equal(options.timeout_ns, 250000000);
    accept("run", "--timeout", "1000000000.999999999999", "i");
    assert_int_equal(options.timeout_ns, 1000000000999999999ull);
    static const char *const wrong[] = {"", "0", "0.0", "-1", "x", "1h", "1e99", "1000000001"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refuse("--timeout", "run", "--timeout", wrong[i], "i");
}

static void test_watchdog(void **state)
{
    static const char *const wrong[] = {"", "0", "-1", "1.5", "86401", "soon"};

    (void)state;
    accept("run", "--watchdog", "30", "i");
    assert_int_equal(options.watchdog_s, 30);
    accept("run", "i");
    assert_int_equal(options.watchdog_s, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refuse("--watchdog", "run", "--watchdog", wrong[i], "i");
}

static void test_poll(void **state)
{
    static const char *const wrong[] = {"", "-1", "100001", "1.5", "1ms"};

    (void)state;
    accept("run", "--poll", "0", "i");
    assert_int_equal(options.poll_us, 0);
    accept("run", "--poll=100000", "i");
    assert_int_equal(options.poll_us, 100000);
    accept("run", "i");
    assert_int_equal(options.poll_us, OPTIONS_POLL_US_OWN);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refuse("--poll", "run", "--poll", wrong[i], "i");
}

static void test_environment(void **state)
{
    char names[OPTIONS_ENV_MAX + 1][16];

    (void)state;
    accept("run", "--env", "AA=4", "--env", "A=1", "--env", "B=", "--env", "A=2=3", "i");
    assert_int_equal(options.env_count, 3);
    assert_string_equal(options.env[0], "AA=4");
    assert_string_equal(options.env[1], "A=2=3");
    assert_string_equal(options.env[2], "B=");
    refuse("--env A", "run", "--env", "A", "i");
    refuse("--env =1", "run", "--env", "=1", "i");
    refuse("--env", "run", "--env", "", "i");

    word_count = 2;
    words[1] = (char *)(uintptr_t) "run";
    for (unsigned i = 0; i < OPTIONS_ENV_MAX + 1; i++) {
        snprintf(names[i], sizeof names[i], "--env=V%u=x", i);
        words[word_count++] = names[i];
    }
    assert_int_equal(options_parse(word_count, words, &options, error), -EINVAL);
    assert_non_null(strstr(error, "more than"));
}

static void test_devices(void **state)
{
    char *many[2 + OPTIONS_DEVICES_MAX + 2] = {words[0], (char *)(uintptr_t) "run"};

    (void)state;
    accept("run", "--blk", "a,b,ro", "--net", "tap:t0,ip=1.2.3.4/8", "--net", "user",
           "--net=user,1:2,3:4", "--blk=c", "i");
    assert_int_equal(options.device_count, 5);
    assert_int_equal(options.devices[0].kind, DEVICE_BLOCK);
    assert_string_equal(options.devices[0].spec, "a,b,ro");
    assert_int_equal(options.devices[1].kind, DEVICE_NET_TAP);
    assert_string_equal(options.devices[1].spec, "t0,ip=1.2.3.4/8");
    assert_int_equal(options.devices[2].kind, DEVICE_NET_USER);
    assert_string_equal(options.devices[2].spec, "");
    assert_string_equal(options.devices[3].spec, "1:2,3:4");
    assert_string_equal(options.devices[4].spec, "c");
    static const char *const wrong[] = {"", "tap", "tap:", "usermode", "pigeon"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refuse("--net", "run", "--net", wrong[i], "i");
    refuse("--blk", "run", "--blk", "", "i");
    refuse("--blk", "run", "--blk", ",ro", "i");

    for (unsigned i = 0; i < OPTIONS_DEVICES_MAX + 1; i++)
        many[2 + i] = (char *)(uintptr_t) "--blk=x";
    assert_int_equal(options_parse(2 + OPTIONS_DEVICES_MAX + 1, many, &options, error), -EINVAL);
    assert_non_null(strstr(error, "more than"));
}

static void test_hypervisors(void **state)
{
    static const char *const now[] = {"native", "microvm", "q35", "pc", "xen-pv", "xen-pvh"};

    (void)state;
    for (size_t i = 0; i < sizeof now / sizeof now[0]; i++) {
        accept("run", "--on", now[i], "i");
        assert_string_equal(options.on, now[i]);
    }
    accept("run", "i");
    assert_null(options.on);
    assert_null(options.accel);
    assert_false(options.print);
    accept("run", "--print", "--accel=tcg", "i");
    assert_string_equal(options.accel, "tcg");
    assert_true(options.print);
    assert_string_equal(options.args[0], "i");
    refuse("--accel", "run", "--accel", "hvf", "i");
    refuse("--print", "run", "--print=yes", "i");
    accept("firecracker-config", "--mem", "1M", "i", "a");
    assert_int_equal(options.command, COMMAND_FIRECRACKER);
    assert_int_equal(options.arg_count, 2);
    refuse("firecracker-config: IMAGE", "firecracker-config");
    accept("run", "--net", "bridge:br0,ip=10.0.0.2/24", "i");
    assert_int_equal(options.devices[0].kind, DEVICE_NET_BRIDGE);
    assert_string_equal(options.devices[0].spec, "br0,ip=10.0.0.2/24");
    refuse("--net bridge:", "run", "--net", "bridge:", "i");
    refuse("--on bochs", "run", "--on=bochs", "i");
}

/* One line, whatever the words hold. */
static void test_messages_are_one_line(void **state)
{
    static char long_word[2000];

    (void)state;
    refuse("--env", "run", "--env", "two\nlines\033[1m", "i");
    assert_null(strpbrk(error, "\n\033"));
    memset(long_word, 'x', sizeof long_word - 1);
    refuse("--mem xxx", "run", "--mem", long_word, "i");
    assert_true(strlen(error) < OPTIONS_ERROR_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_options_of_commands),
        cmocka_unit_test(test_where_options_end),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_poll),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_hypervisors),
        cmocka_unit_test(test_messages_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
