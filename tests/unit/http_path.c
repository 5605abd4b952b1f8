/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: apps/httpd/path.c apps/httpd/mime.c apps/httpd/text.c */
/* From targets to paths and back, media types, and the text helpers below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apps/httpd/mime.h"
#include "apps/httpd/path.h"

static char buf[32];

static int decode(const char *target)
{
    struct text out = {buf, 0, sizeof(buf), false};
    size_t len = strlen(target);
    char *copy = malloc(len + 1);
    int status;

    memcpy(copy, target, len);
    status = path_from_target((struct str){copy, len}, &out);
    if (status == 0) {
        assert_int_equal(buf[out.len], '\0');
        assert_int_equal(strlen(buf), out.len);
    }
    free(copy);
    return status;
}

static void test_decoded(void **state)
{
    static const char *const pairs[][2] = {
        {"/", "/"},
        {"/a/b.txt", "/a/b.txt"},
        {"/a/", "/a/"},
        {"/a%20b", "/a b"},
        {"/%61%2Ehtml", "/a.html"},
        {"/%25%32%65", "/%2e"},
        {"/a?b/../c", "/a"},
        {"/?", "/"},
        {"//a///b//", "/a/b/"},
        {"/./a/./b/.", "/a/b/"},
        {"/%2e/a", "/a"},
        {"/...", "/..."},
        {"/.a/..b", "/.a/..b"},
        {"/a+b", "/a+b"},
        {"/%c3%a4", "/\xc3\xa4"},
        {"/a\\..\\b", "/a\\..\\b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_int_equal(decode(pairs[i][0]), 0);
        assert_string_equal(buf, pairs[i][1]);
    }
}

static void test_refused(void **state)
{
    static const char *const targets[] = {
        "",        "a",       "?a",     "/..",     "/../a", "/a/..",       "/a/../b",
        "/%2e%2e", "/.%2E/a", "/%2e./", "/%",      "/%4",   "/%4g",        "/%g4",
        "/%%",     "/a%00b",  "/a%2fb", "/a%2F..", "/..?",  "/a/%2e%2e?x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        if (decode(targets[i]) != 400)
            fail_msg("not refused: %s", targets[i]);
}

static void test_length(void **state)
{
    char target[64];

    (void)state;
    memset(target, 'x', sizeof(target));
    target[0] = '/';
    target[31] = '\0';
    assert_int_equal(decode(target), 0);
    target[31] = 'x';
    target[32] = '\0';
    assert_int_equal(decode(target), 414);
    target[32] = 'x';
    target[33] = '\0';
    assert_int_equal(decode(target), 414);
    memset(target + 1, '/', sizeof(target) - 2);
    target[63] = '\0';
    assert_int_equal(decode(target), 0);
}

static void test_prefix_stays(void **state)
{
    struct text out = {buf, 0, sizeof(buf), false};

    (void)state;
    TEXT_LIT(&out, "/root");
    assert_int_equal(path_from_target(STR("/./x"), &out), 0);
    assert_string_equal(buf, "/root/x");
    out.len = 5;
    assert_int_equal(path_from_target(STR("/.."), &out), 400);
}

static void test_url(void **state)
{
    char url[64];
    struct text out = {url, 0, sizeof(url), false};
    struct str query = path_query(STR("/a?b?c"));

    (void)state;
    path_put_url(&out, STR("/a b\"<\xc3\r\n%?#\0/~"));
    text_put(&out, "", 1);
    assert_false(out.full);
    assert_string_equal(url, "/a%20b%22%3C%C3%0D%0A%25%3F%23%00/~");
    assert_int_equal(query.len, 4);
    assert_memory_equal(query.p, "?b?c", 4);
    assert_int_equal(path_query(STR("/a")).len, 0);
}

static void test_media_types(void **state)
{
    (void)state;
    assert_string_equal(mime_type(STR("/a/index.html")), "text/html; charset=utf-8");
    assert_string_equal(mime_type(STR("/A.SVG")), "image/svg+xml");
    assert_string_equal(mime_type(STR("/a.b.tar.gz")), "application/gzip");
    assert_string_equal(mime_type(STR("/html")), "application/octet-stream");
    assert_string_equal(mime_type(STR("/a.html/b")), "application/octet-stream");
    assert_string_equal(mime_type(STR("/a.")), "application/octet-stream");
    assert_string_equal(mime_type(STR("")), "application/octet-stream");
}

static void test_text(void **state)
{
    char data[24];
    struct text out = {data, 0, sizeof(data), false};
    struct str number = STR("18446744073709551615x");
    struct str huge = STR("18446744073709551616");
    uint64_t value;

    (void)state;
    text_put_u64(&out, UINT64_MAX);
    TEXT_LIT(&out, "12345");
    assert_true(out.full);
    assert_int_equal(out.len, 20);
    assert_memory_equal(data, "18446744073709551615", 20);
    out.len = 0;
    text_put_hex(&out, UINT64_MAX);
    text_put_hex(&out, 0);
    text_put_2digits(&out, 7);
    assert_int_equal(out.len, 19);
    assert_memory_equal(data, "ffffffffffffffff007", 19);

    assert_true(str_take_u64(&number, &value));
    assert_true(value == UINT64_MAX);
    assert_int_equal(number.len, 1);
    assert_false(str_take_u64(&number, &value));
    assert_true(str_take_u64(&huge, &value));
    assert_true(value == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoded), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length),  cmocka_unit_test(test_prefix_stays),
        cmocka_unit_test(test_url),     cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
