/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/format.c */
/* The kernel's small printf against the host's. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/log.h"

#define agrees(...)                                                       \
    do {                                                                  \
        char ours[256], theirs[256];                                      \
        int our_length = format_line(ours, sizeof(ours), __VA_ARGS__);    \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
        assert_string_equal(ours, theirs);                                \
        assert_int_equal(our_length, their_length);                       \
    } while (0)

static void numbers(void **state)
{
    (void)state;
    agrees("%d %i %u %x", 0, -1, 0u, 0u);
    agrees("%d %d %u %x", INT_MIN, INT_MAX, UINT_MAX, UINT_MAX);
    agrees("%ld %ld %lu %lx", LONG_MIN, LONG_MAX, ULONG_MAX, ULONG_MAX);
    agrees("%lld %llu %zu %zx", LLONG_MIN, ULLONG_MAX, SIZE_MAX, (size_t)255);
    agrees("%p", (void *)0x123abc);
}

static void widths(void **state)
{
    (void)state;
    agrees("[%5d] [%-5d] [%05d] [%5d]", 42, 42, 42, -42);
    agrees("[%05d] [%-5d] [%2d]", -42, -42, 123456);
    agrees("[%8x] [%08lx] [%-8x]", 0xabcu, 0xabcul, 0xabcu);
    agrees("[%10s] [%-10s] [%2s] [%c] [%3c]", "text", "text", "text", 'c', 'd');
    agrees("100%% of %s", "it");
}

static void cuts_and_terminates(void **state)
{
    char out[8] = "#######";

    (void)state;
    assert_int_equal(format_line(out, sizeof(out), "%s", "0123456789"), 10);
    assert_string_equal(out, "0123456");
    assert_int_equal(format_line(out, 1, "%d", 12345), 5);
    assert_string_equal(out, "");
    assert_int_equal(format_line(NULL, 0, "%40s", "x"), 40);
}

static void survives_what_is_no_format(void **state)
{
    char out[32];
    const char *nothing = state != NULL ? NULL : out;
    const char *odd[] = {"%", "%l", "%-0", "a%", "%5"};

    for (unsigned i = 0; i < 5; i++) {
        va_list none;

        memset(&none, 0, sizeof(none));
        assert_true(format_line_v(out, sizeof(out), odd[i], none) <= 1);
    }
    assert_int_equal(format_line(out, sizeof(out), "%s", nothing), 6);
    assert_string_equal(out, "(null)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(widths),
        cmocka_unit_test(cuts_and_terminates),
        cmocka_unit_test(survives_what_is_no_format),
    };

    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
