/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel command line's parser. */
/* sources: pvabi/cmdline.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/cmdline.h"

static struct pv_cmdline parsed;

static void parse(const char *line)
{
    size_t bytes = strlen(line);
    char *exact = malloc(bytes + 1); /* no NUL after it: the sanitizer watches its end */

    memcpy(exact, line, bytes);
    memset(&parsed, 0, sizeof(parsed));
    exact = realloc(exact, bytes ? bytes : 1);
    pv_cmdline_parse(exact, bytes, &parsed);
    free(exact);
}

static void expect_strings(const char *strings, uint32_t bytes, uint32_t count, ...)
{
    va_list wanted;
    uint32_t at = 0;

    va_start(wanted, count);
    for (uint32_t i = 0; i < count; i++) {
        const char *want = va_arg(wanted, const char *);

        assert_true(at < bytes);
        assert_string_equal(strings + at, want);
        at += (uint32_t)strlen(want) + 1;
    }
    va_end(wanted);
    assert_int_equal(at, bytes);
}

#define ARGS(count, ...)                                                   \
    do {                                                                   \
        assert_int_equal(parsed.arg_count, count);                         \
        expect_strings(parsed.args, parsed.arg_bytes, count, __VA_ARGS__); \
    } while (0)
#define ENV(count, ...)                                                   \
    do {                                                                  \
        assert_int_equal(parsed.env_count, count);                        \
        expect_strings(parsed.env, parsed.env_bytes, count, __VA_ARGS__); \
    } while (0)

static void test_nothing(void **state)
{
    (void)state;
    parse("");
    ARGS(1, "guest");
    assert_int_equal(parsed.env_count, 0);
    parse("  \t \n");
    ARGS(1, "guest");
    parse("console=ttyS0 reboot=k panic=1 pci=off");
    ARGS(1, "guest");
    assert_null(parsed.wrong);
}

static void test_arguments(void **state)
{
    (void)state;
    parse("name=web -- one  two\tthree -- net0=x env.A=b");
    ARGS(7, "web", "one", "two", "three", "--", "net0=x", "env.A=b");
    assert_int_equal(parsed.env_count, 0);
    parse("-- name=other");
    ARGS(2, "guest", "name=other");
    parse("\"--\" -- x");
    ARGS(2, "guest", "x");
}

static void test_quotes(void **state)
{
    (void)state;
    parse("env.T=\"a b\\\"c\" -- \"two words\" a\\ b \"\" \\\\ x\"y z\"w");
    ENV(1, "T=a b\"c");
    ARGS(6, "guest", "two words", "a b", "", "\\", "xy zw");
    parse("-- \"open");
    ARGS(2, "guest", "open");
    parse("-- end\\");
    ARGS(2, "guest", "end\\");
}

static void test_environment(void **state)
{
    (void)state;
    parse("env.A=1 x env.B= env.C=x=y");
    ENV(3, "A=1", "B=", "C=x=y");
    parse("env.=x env.NOVALUE env.A=1");
    ENV(1, "A=1");
    assert_non_null(parsed.wrong);
}

static void test_net(void **state)
{
    static const uint8_t ip[] = {10, 0, 2, 15}, gateway[] = {10, 0, 2, 2}, dns[] = {1, 1, 1, 1};

    (void)state;
    parse("net0=10.0.2.15/24,10.0.2.2 net3=10.0.2.15/32 network=x");
    assert_null(parsed.wrong);
    assert_memory_equal(parsed.net[0].ip4, ip, 4);
    assert_memory_equal(parsed.net[0].gateway4, gateway, 4);
    assert_int_equal(parsed.net[0].prefix4, 24);
    assert_int_equal(parsed.net[1].prefix4, 0);
    assert_int_equal(parsed.net[3].prefix4, 32);
    parse("net0=10.0.2.15/24,,1.1.1.1");
    assert_null(parsed.wrong);
    assert_memory_equal(parsed.net[0].dns4, dns, 4);
    static const char *const bad[] = {
        "net0=10.0.2/24",    "net0=10.0.2.256/24",      "net0=10.0.2.15/0",
        "net0=10.0.2.15/33", "net0=10.0.2.15",          "net8=10.0.2.15/24",
        "net0=1.2.3.4/8,x",  "net0=1.2.3.4/8,1.2.3.4x", "net99999999999999999999=1.2.3.4/8"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        parse(bad[i]);
        assert_non_null(parsed.wrong);
        assert_int_equal(parsed.net[0].prefix4, 0);
    }
}

static void test_mmio(void **state)
{
    char many[4096] = "";

    (void)state;
    parse("virtio_mmio.device=512@0xfeb00000:5 -- a virtio_mmio.device=4K@0xd0001000:6:0 "
          "\"virtio_mmio.device=1@2:3\"");
    assert_null(parsed.wrong);
    assert_int_equal(parsed.mmio_count, 2);
    assert_int_equal(parsed.mmio[0].bytes, 512);
    assert_int_equal(parsed.mmio[0].address, 0xfeb00000);
    assert_int_equal(parsed.mmio[0].line, 5);
    assert_int_equal(parsed.mmio[1].bytes, 4096);
    assert_int_equal(parsed.mmio[1].line, 6);
    ARGS(3, "guest", "a", "virtio_mmio.device=1@2:3"); /* quoted: the program's */
    static const char *const bad[] = {"",
                                      "512",
                                      "512@",
                                      "512@1",
                                      "512@1:",
                                      "512@1:2:",
                                      "512@1:2x",
                                      "@1:2",
                                      "0x@1:2",
                                      "512@1:4294967296",
                                      "99999999999999999999@1:2",
                                      "17179869184G@1:2"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char line[128] = "virtio_mmio.device=";

        parse(strcat(line, bad[i]));
        assert_non_null(parsed.wrong);
        assert_int_equal(parsed.mmio_count, 0);
    }
    for (unsigned i = 0; i < PV_CMDLINE_MMIO_MAX + 1; i++)
        strcat(many, "virtio_mmio.device=512@0xfeb00000:5 ");
    parse(many);
    assert_int_equal(parsed.mmio_count, PV_CMDLINE_MMIO_MAX);
    assert_non_null(parsed.wrong);
}

static void test_wall(void **state)
{
    (void)state;
    parse("wall=1700000000123456789");
    assert_true(parsed.wall_ns == 1700000000123456789ull);
    assert_false(parsed.counters);
    parse("counters=1");
    assert_true(parsed.counters);
    parse("counters=10");
    assert_false(parsed.counters);
    parse("wall=soon");
    assert_true(parsed.wall_ns == 0);
    assert_non_null(parsed.wrong);
}

static void test_watchdog(void **state)
{
    (void)state;
    parse("name=x watchdog=30 profile=7");
    assert_int_equal(parsed.watchdog_s, 30);
    assert_int_equal(parsed.profile_hz, 7);
    assert_null(parsed.wrong);
    parse("-- watchdog=30");
    assert_int_equal(parsed.watchdog_s, 0);
    static const char *const bad[] = {"watchdog=", "watchdog=3s", "watchdog=4294967296"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        parse(bad[i]);
        assert_int_equal(parsed.watchdog_s, 0);
        assert_non_null(parsed.wrong);
    }
}

static void test_long(void **state)
{
    char *line = malloc(10001);

    (void)state;
    memset(line, 'x', 10000);
    line[10000] = '\0';
    memcpy(line, "-- ", 3);
    parse(line);
    assert_int_equal(parsed.arg_count, 2);
    assert_int_equal(parsed.arg_bytes, sizeof("guest") + 4096 - 3 + 1);
    memcpy(line, "name=", 5);
    parse(line); /* longer than a name may be */
    ARGS(1, "guest");
    memcpy(line, "env.A=", 6);
    parse(line);
    assert_int_equal(parsed.env_bytes, 4096 - 4 + 1);
    for (unsigned i = 0; i < 10000; i++)
        line[i] = i % 2 ? ' ' : 'x';
    memcpy(line, "-- ", 3);
    parse(line);
    assert_int_equal(parsed.arg_count, 1 + (4096 - 3) / 2);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing), cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_quotes),  cmocka_unit_test(test_environment),
        cmocka_unit_test(test_net),     cmocka_unit_test(test_mmio),
        cmocka_unit_test(test_wall),    cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
