/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/metrics.c kernel/format.c tests/unit/kernel/fake.c */
/* The text of /proc/metrics, read by a strict parser of OpenMetrics. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/fake.h"
#include "kernel/metrics.h"
#include "kernel/page.h"

static char text[32768];

size_t page_total(void)
{
    return 100;
}

size_t page_in_use(void)
{
    return 7;
}

size_t page_in_use_peak(void)
{
    return 9;
}

/* A family: its metadata, then its one sample. Returns what follows. */
struct family {
    char name[80], type[120], unit[120], help[120];
    char sample[80], value[40];
};

static void check_name(const char *name)
{
    assert_true(isalpha((unsigned char)name[0]));
    for (; *name != '\0'; name++)
        assert_true(isalnum((unsigned char)*name) || *name == '_');
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name), suffix_length = strlen(suffix);

    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static const char *parse_family(const char *at, struct family *family)
{
    char keyword[8], name[80], rest[120];
    int length = 0;

    memset(family, 0, sizeof(*family));
    while (*at == '#') {
        assert_int_equal(sscanf(at, "# %7s %79s %119[^\n]%n", keyword, name, rest, &length), 3);
        assert_true(family->name[0] == '\0' || strcmp(family->name, name) == 0);
        strcpy(family->name, name);
        if (strcmp(keyword, "TYPE") == 0)
            strcpy(family->type, rest);
        else if (strcmp(keyword, "UNIT") == 0)
            strcpy(family->unit, rest);
        else if (strcmp(keyword, "HELP") == 0)
            strcpy(family->help, rest);
        else
            fail_msg("%s", keyword);
        assert_int_equal(at[length], '\n');
        at += length + 1;
    }
    assert_int_equal(sscanf(at, "%79[^ ] %39[^\n]%n", family->sample, family->value, &length), 2);
    assert_int_equal(at[length], '\n');
    return at + length + 1;
}

static void check_family(const struct family *family)
{
    char expected[140];
    char *end;

    check_name(family->name);
    assert_true(strlen(family->help) > 3);
    assert_true(strcmp(family->type, "counter") == 0 || strcmp(family->type, "gauge") == 0);
    snprintf(expected, sizeof(expected), "%s%s", family->name,
             strcmp(family->type, "counter") == 0 ? "_total" : "");
    assert_string_equal(family->sample, expected);
    if (family->unit[0] != '\0') {
        snprintf(expected, sizeof(expected), "_%s", family->unit);
        assert_true(ends_with(family->name, expected));
    } else {
        assert_false(ends_with(family->name, "_seconds") || ends_with(family->name, "_bytes"));
    }
    assert_true(strtod(family->value, &end) >= 0);
    assert_int_equal(*end, '\0');
}

/* The value of a sample, everything else checked on the way. */
static double value_of(const char *sample)
{
    static char names[200][80];
    struct family family;
    unsigned count = 0;
    double value = -1;

    metrics_format(text, sizeof(text));
    for (const char *at = text; *at != '\0'; count++) {
        at = parse_family(at, &family);
        check_family(&family);
        for (unsigned i = 0; i < count; i++)
            assert_string_not_equal(names[i], family.name);
        strcpy(names[count], family.name);
        if (strcmp(family.sample, sample) == 0)
            value = strtod(family.value, NULL);
    }
    assert_true(count > 20);
    return value;
}

static void every_line_is_open_metrics(void **state)
{
    (void)state;
    fake.now_ns = 12345678901;
    metrics.wakeups = 77;
    metrics.idle_ns = 1000000001;
    metrics.threads_live = 3;
    assert_true(value_of("coracle_wakeups_total") == 77);
    assert_true(value_of("coracle_idle_seconds_total") == 1.000000001);
    assert_true(value_of("coracle_uptime_seconds") == 12.345678901);
    assert_true(value_of("coracle_threads") == 3);
    assert_true(value_of("coracle_memory_total_bytes") == 409600);
    assert_true(value_of("coracle_memory_in_use_bytes") == 7 * 4096);
    assert_true(value_of("coracle_memory_peak_bytes") == 9 * 4096);
}

static uint64_t forty_two(void)
{
    return 42;
}

static void tables_can_be_added(void **state)
{
    static const struct metric extra[] = {
        {.name = "coracle_net_rx_packets",
         .help = "Packets received.",
         .kind = METRIC_COUNTER,
         .read = forty_two},
    };
    static struct metric_table table = {extra, 1, NULL}, second = {extra, 0, NULL};

    (void)state;
    assert_true(value_of("coracle_net_rx_packets_total") == -1);
    metrics_register(&table);
    metrics_register(&second);
    assert_true(value_of("coracle_net_rx_packets_total") == 42);
}

static void says_how_much_room_it_needs(void **state)
{
    char *small;
    size_t length = metrics_format(NULL, 0);

    (void)state;
    assert_int_equal(length, metrics_format(text, sizeof(text)));
    assert_int_equal(length, strlen(text));
    for (size_t bytes = 1; bytes < 300; bytes++) {
        small = malloc(bytes); /* the sanitizer watches its end */
        assert_int_equal(metrics_format(small, bytes), length);
        assert_int_equal(strlen(small), bytes - 1);
        assert_memory_equal(small, text, bytes - 1);
        free(small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_open_metrics),
        cmocka_unit_test(tables_can_be_added),
        cmocka_unit_test(says_how_much_room_it_needs),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
