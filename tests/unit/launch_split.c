/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/launch_split.c */
/* One console taken apart into three channels, however its bytes arrive. */
#include "launch_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct {
    char bytes[256];
    size_t count;
} got[3];

/* Feeds the bytes in pieces of `piece`, and collects what each channel gets. */
static void feed(const char *bytes, size_t count, size_t piece)
{
    struct launch_split split = {0};
    const char *run;
    size_t run_count, used;

    memset(got, 0, sizeof got);
    for (size_t at = 0; at < count; at += used) {
        size_t left = count - at < piece ? count - at : piece;
        used = launch_split_next(&split, bytes + at, left, &run, &run_count);
        assert_true(used > 0 && used <= left);
        assert_true(split.channel < 3);
        assert_true(got[split.channel].count + run_count < sizeof got[0].bytes);
        memcpy(got[split.channel].bytes + got[split.channel].count, run, run_count);
        got[split.channel].count += run_count;
    }
}

static void expect(const char *out, const char *err, const char *log)
{
    assert_string_equal(got[0].bytes, out);
    assert_string_equal(got[1].bytes, err);
    assert_string_equal(got[2].bytes, log);
}

static void test_channels(void **state)
{
    static const char bytes[] = "raw\n\020\002error\020\003log\020\001more\020\002\020\001end";

    (void)state;
    for (size_t piece = 1; piece < sizeof bytes; piece++) {
        feed(bytes, sizeof bytes - 1, piece);
        expect("raw\nmoreend", "error", "log");
    }
}

static void test_escaped_byte(void **state)
{
    static const char bytes[] = "a\020\020b\020\002\020\020\020\020c";

    (void)state;
    for (size_t piece = 1; piece < sizeof bytes; piece++) {
        feed(bytes, sizeof bytes - 1, piece);
        expect("a\020b", "\020\020c", "");
    }
}

/* A guest may write anything: no other byte changes the channel, and none is out of range. */
static void test_wild_bytes(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        char bytes[] = {'a', 0x10, (char)value, 'b', 0x10};
        feed(bytes, sizeof bytes, sizeof bytes);
        if (value == 0x10)
            expect("a\020b", "", "");
        else if (value == 2 || value == 3)
            expect("a", value == 2 ? "b" : "", value == 3 ? "b" : "");
        else
            expect("ab", "", "");
    }
}

static void test_nothing(void **state)
{
    struct launch_split split = {0};
    const char *run;
    size_t count = 7;

    (void)state;
    assert_int_equal(launch_split_next(&split, "", 0, &run, &count), 0);
    assert_int_equal(count, 0);
}

/* Input is asked for beside the output. */
static void test_asks(void **state)
{
    static const char bytes[] = "a\020\004b\020\004\020\002\020\004c";
    struct launch_split split = {0};
    const char *run;
    size_t count;

    (void)state;
    feed(bytes, sizeof bytes - 1, 1);
    expect("ab", "c", "");
    for (size_t at = 0; at < sizeof bytes - 1;)
        at += launch_split_next(&split, bytes + at, sizeof bytes - 1 - at, &run, &count);
    assert_int_equal(split.asked, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels),   cmocka_unit_test(test_escaped_byte),
        cmocka_unit_test(test_wild_bytes), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
