/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: apps/httpd/cond.c apps/httpd/date.c apps/httpd/text.c */
/* Conditional requests, ranges and dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "apps/httpd/cond.h"
#include "apps/httpd/date.h"

#define NOW 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

static const struct validators version = {STR_INIT("\"tag\""), NOW};

static struct str str_of(const char *s)
{
    return (struct str){s, s ? strlen(s) : 0};
}

static int check(enum http_field field, const char *value)
{
    struct http_request req;

    memset(&req, 0, sizeof(req));
    req.field[field] = str_of(value);
    return cond_check(&req, &version, NOW);
}

static void test_entity_tags(void **state)
{
    (void)state;
    assert_int_equal(check(HTTP_IF_NONE_MATCH, "\"tag\""), 304);
    assert_int_equal(check(HTTP_IF_NONE_MATCH, "W/\"tag\""), 304);
    assert_int_equal(check(HTTP_IF_NONE_MATCH, "*"), 304);
    assert_int_equal(check(HTTP_IF_NONE_MATCH, "\"a,b\" , W/\"c\",\"tag\""), 304);
    assert_int_equal(check(HTTP_IF_NONE_MATCH, "\"tag"), 0);
    assert_int_equal(check(HTTP_IF_NONE_MATCH, "tag"), 0);
    assert_int_equal(check(HTTP_IF_NONE_MATCH, "\"TAG\""), 0);
    assert_int_equal(check(HTTP_IF_NONE_MATCH, ""), 0);
    assert_int_equal(check(HTTP_IF_MATCH, "\"tag\""), 0);
    assert_int_equal(check(HTTP_IF_MATCH, "*"), 0);
    assert_int_equal(check(HTTP_IF_MATCH, "W/\"tag\""), 412);
    assert_int_equal(check(HTTP_IF_MATCH, "\"x\", \"tag\""), 0);
    assert_int_equal(check(HTTP_IF_MATCH, "\"x\""), 412);
    assert_int_equal(check(HTTP_IF_MATCH, ""), 412);
}

static void test_dates_of_conditions(void **state)
{
    (void)state;
    assert_int_equal(check(HTTP_IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:20 GMT"), 304);
    assert_int_equal(check(HTTP_IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:19 GMT"), 0);
    assert_int_equal(check(HTTP_IF_MODIFIED_SINCE, "soon"), 0);
    assert_int_equal(check(HTTP_IF_UNMODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:20 GMT"), 0);
    assert_int_equal(check(HTTP_IF_UNMODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:19 GMT"), 412);
    assert_int_equal(check(HTTP_IF_UNMODIFIED_SINCE, "soon"), 0);
}

static void test_order_of_conditions(void **state)
{
    struct http_request req;

    (void)state;
    memset(&req, 0, sizeof(req));
    req.field[HTTP_IF_NONE_MATCH] = STR("\"x\"");
    req.field[HTTP_IF_MODIFIED_SINCE] = STR("Tue, 14 Nov 2023 22:13:20 GMT");
    assert_int_equal(cond_check(&req, &version, NOW), 0);
    req.field[HTTP_IF_MATCH] = STR("\"x\"");
    assert_int_equal(cond_check(&req, &version, NOW), 412);
    req.field[HTTP_IF_MATCH] = STR("\"tag\"");
    req.field[HTTP_IF_UNMODIFIED_SINCE] = STR("Mon, 13 Nov 2023 22:13:20 GMT");
    assert_int_equal(cond_check(&req, &version, NOW), 0);
    req.field[HTTP_IF_NONE_MATCH] = STR("\"tag\"");
    assert_int_equal(cond_check(&req, &version, NOW), 304);
    req.repeated = 1u << HTTP_IF_NONE_MATCH;
    assert_int_equal(cond_check(&req, &version, NOW), 0);
    req.repeated = 1u << HTTP_IF_MATCH;
    assert_int_equal(cond_check(&req, &version, NOW), 412);
}

static enum range_kind range(const char *value, const char *if_range, uint64_t size,
                             uint64_t *first, uint64_t *count)
{
    struct http_request req;

    memset(&req, 0, sizeof(req));
    req.field[HTTP_RANGE] = str_of(value);
    req.field[HTTP_IF_RANGE] = str_of(if_range);
    return cond_range(&req, &version, size, NOW, first, count);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *value;
        uint64_t size;
        enum range_kind kind;
        uint64_t first, count;
    } cases[] = {
        {"bytes=0-0", 10, RANGE_PART, 0, 1},
        {"bytes=2-4", 10, RANGE_PART, 2, 3},
        {"BYTES= 2-", 10, RANGE_PART, 2, 8},
        {"bytes=9-99", 10, RANGE_PART, 9, 1},
        {"bytes=0-18446744073709551615", 10, RANGE_PART, 0, 10},
        {"bytes=-3", 10, RANGE_PART, 7, 3},
        {"bytes=-30", 10, RANGE_PART, 0, 10},
        {"bytes=0-", UINT64_MAX, RANGE_PART, 0, UINT64_MAX},
        {"bytes=10-", 10, RANGE_OUTSIDE, 0, 0},
        {"bytes=99999999999999999999-", 10, RANGE_OUTSIDE, 0, 0},
        {"bytes=-0", 10, RANGE_OUTSIDE, 0, 0},
        {"bytes=0-", 0, RANGE_OUTSIDE, 0, 0},
        {"bytes=-5", 0, RANGE_OUTSIDE, 0, 0},
        {"bytes=4-2", 10, RANGE_WHOLE, 0, 0},
        {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0},
        {"bytes=-", 10, RANGE_WHOLE, 0, 0},
        {"bytes=", 10, RANGE_WHOLE, 0, 0},
        {"bytes", 10, RANGE_WHOLE, 0, 0},
        {"bytes=1", 10, RANGE_WHOLE, 0, 0},
        {"bytes=--1", 10, RANGE_WHOLE, 0, 0},
        {"bytes=1-2-", 10, RANGE_WHOLE, 0, 0},
        {"lines=1-2", 10, RANGE_WHOLE, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t first = 0, count = 0;
        enum range_kind kind = range(cases[i].value, NULL, cases[i].size, &first, &count);

        if (kind != cases[i].kind)
            fail_msg("%s is taken for %d", cases[i].value, kind);
        if (kind == RANGE_PART) {
            assert_true(first == cases[i].first);
            assert_true(count == cases[i].count);
        }
    }
}

static void test_if_range(void **state)
{
    uint64_t first, count;

    (void)state;
    assert_int_equal(range("bytes=1-", "\"tag\"", 9, &first, &count), RANGE_PART);
    assert_int_equal(range("bytes=1-", "W/\"tag\"", 9, &first, &count), RANGE_WHOLE);
    assert_int_equal(range("bytes=1-", "\"other\"", 9, &first, &count), RANGE_WHOLE);
    assert_int_equal(range("bytes=1-", "", 9, &first, &count), RANGE_WHOLE);
    assert_int_equal(range("bytes=1-", "Tue, 14 Nov 2023 22:13:20 GMT", 9, &first, &count),
                     RANGE_PART);
    assert_int_equal(range("bytes=1-", "Tue, 14 Nov 2023 22:13:21 GMT", 9, &first, &count),
                     RANGE_WHOLE);
    assert_int_equal(range("bytes=99-", "\"other\"", 9, &first, &count), RANGE_WHOLE);
}

/* Against the C library's calendar, over 400 years and before 1970. */
static void test_dates_against_libc(void **state)
{
    (void)state;
    for (int64_t t = -3000000000; t < 12000000000; t += 86400 * 11 + 4321) {
        char mine[64], theirs[64];
        struct text out = {mine, 0, sizeof(mine), false};
        time_t time = (time_t)t;
        int64_t parsed = 0;
        struct tm tm;

        gmtime_r(&time, &tm);
        date_put_http(&out, t);
        assert_int_equal(out.len, HTTP_DATE_LEN);
        strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        assert_memory_equal(mine, theirs, HTTP_DATE_LEN);
        assert_true(date_parse((struct str){mine, out.len}, NOW, &parsed));
        assert_true(parsed == t);
        out.len = 0;
        date_put_log(&out, t);
        assert_int_equal(out.len, LOG_DATE_LEN);
        strftime(theirs, sizeof(theirs), "%d/%b/%Y:%H:%M:%S +0000", &tm);
        assert_memory_equal(mine, theirs, LOG_DATE_LEN);
    }
}

static void test_date_forms(void **state)
{
    static const char *const bad[] = {
        "",
        ",",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun Nov  6 08:49:37 19x4",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov +994 08:49:37 GMT",
    };
    int64_t t = 0;

    (void)state;
    assert_true(date_parse(STR("Sun, 06 Nov 1994 08:49:37 GMT"), NOW, &t) && t == 784111777);
    assert_true(date_parse(STR("Sunday, 06-Nov-94 08:49:37 GMT"), NOW, &t) && t == 784111777);
    assert_true(date_parse(STR("Sun Nov  6 08:49:37 1994"), NOW, &t) && t == 784111777);
    assert_true(date_parse(STR("Tuesday, 14-Nov-73 22:13:20 GMT"), NOW, &t) && t > NOW);
    assert_true(date_parse(STR("Tuesday, 14-Nov-74 22:13:20 GMT"), NOW, &t) && t < NOW);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (date_parse(str_of(bad[i]), NOW, &t))
            fail_msg("taken for a date: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entity_tags),
        cmocka_unit_test(test_dates_of_conditions),
        cmocka_unit_test(test_order_of_conditions),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_if_range),
        cmocka_unit_test(test_dates_against_libc),
        cmocka_unit_test(test_date_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
