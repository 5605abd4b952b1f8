/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: apps/httpd/request.c apps/httpd/text.c */
/* The request parser of httpd: what it accepts, what it refuses and with which status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apps/httpd/request.h"

static struct http_request req;
static char *copy;

/* Parses from a heap block of just the text's size: the sanitizer sees each byte too many. */
static int parse_bytes(const char *text, size_t len)
{
    size_t scanned = 0;
    long head_len;

    free(copy);
    copy = malloc(len);
    memcpy(copy, text, len);
    head_len = http_head_find(copy, len, &scanned);
    if (head_len <= 0)
        return (int)head_len - 1;
    assert_true((size_t)head_len <= len);
    return http_request_parse(copy, (size_t)head_len, &req);
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void assert_slice(struct str s, const char *text)
{
    assert_non_null(s.p);
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.p, text, s.len);
}

static void test_simple_request(void **state)
{
    (void)state;
    assert_int_equal(parse("GET /a?b HTTP/1.1\r\nHost: example.org:80\r\nX-Other: 1\r\n"
                           "User-Agent: \t two words \t\r\n\r\n"),
                     0);
    assert_int_equal(req.method, HTTP_GET);
    assert_int_equal(req.minor, 1);
    assert_slice(req.line, "GET /a?b HTTP/1.1");
    assert_slice(req.target, "/a?b");
    assert_slice(req.field[HTTP_HOST], "example.org:80");
    assert_slice(req.field[HTTP_USER_AGENT], "two words");
    assert_null(req.field[HTTP_RANGE].p);
    assert_true(req.keep_alive);
    assert_int_equal(req.content_length, 0);
    assert_int_equal(req.repeated, 0);
}

static void test_every_field_is_found(void **state)
{
    (void)state;
    assert_int_equal(parse("HEAD / HTTP/1.1\r\nhOST: h\r\nrange: a\r\nExpect: 100-Continue\r\n"
                           "Referer: b\r\nIf-Match: c\r\nIf-Range: d\r\nConnection: e\r\n"
                           "If-None-Match: f\r\nContent-Length: 5\r\nIf-Modified-Since: g\r\n"
                           "If-Unmodified-Since: i\r\nUSER-AGENT: j\r\nRange: k\r\n\r\n"),
                     0);
    assert_int_equal(req.method, HTTP_HEAD);
    assert_slice(req.field[HTTP_RANGE], "a");
    assert_slice(req.field[HTTP_REFERER], "b");
    assert_slice(req.field[HTTP_IF_MATCH], "c");
    assert_slice(req.field[HTTP_IF_RANGE], "d");
    assert_slice(req.field[HTTP_IF_NONE_MATCH], "f");
    assert_slice(req.field[HTTP_IF_MODIFIED_SINCE], "g");
    assert_slice(req.field[HTTP_IF_UNMODIFIED_SINCE], "i");
    assert_slice(req.field[HTTP_USER_AGENT], "j");
    assert_int_equal(req.content_length, 5);
    assert_true(req.expect_continue);
    assert_int_equal(req.repeated, 1u << HTTP_RANGE);
}

static bool kept_alive(const char *version, const char *connection)
{
    char text[256];

    snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: h\r\n%s\r\n", version, connection);
    assert_int_equal(parse(text), 0);
    return req.keep_alive;
}

static void test_keep_alive(void **state)
{
    (void)state;
    assert_true(kept_alive("1.1", ""));
    assert_true(kept_alive("1.2", ""));
    assert_false(kept_alive("1.0", ""));
    assert_true(kept_alive("1.0", "Connection: Keep-Alive\r\n"));
    assert_false(kept_alive("1.1", "Connection: close\r\n"));
    assert_false(kept_alive("1.1", "Connection: x,, CLOSE\t, y\r\n"));
    assert_false(kept_alive("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
    assert_false(kept_alive("1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert_true(kept_alive("1.1", "Connection: closed\r\n"));
}

static void test_targets(void **state)
{
    (void)state;
    assert_int_equal(parse("GET HTTP://host:80/x HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_slice(req.target, "/x");
    assert_int_equal(parse("GET http://host HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_slice(req.target, "/");
    assert_int_equal(parse("GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(parse("GET http:// HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(parse("GET ftp://host/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(parse("GET http://u@host/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_int_equal(req.method, HTTP_OTHER);
    assert_int_equal(parse("get / HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_int_equal(req.method, HTTP_OTHER);
}

static const struct {
    const char *text;
    int status;
} refused[] = {
    {"GET /\r\n\r\n", 400},
    {"GET\r\n\r\n", 400},
    {"\r\n\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1,1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
    {"GET / HTTP/0.9\r\n\r\n", 505},
    {"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\"\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\n:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nX: aaaaaaaaaaaa\x1f"
     "bbbbbbbbbbbb\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\nHost: h\r\nX: aaaaaaaaaaaa\x7f"
     "bbbbbbbbbbbb\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1,1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n", 413},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n", 413},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 501},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n", 501},
    {"GET / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int status = parse(refused[i].text);
        if (status != refused[i].status)
            fail_msg("%d instead of %d for: %s", status, refused[i].status, refused[i].text);
    }
}

static void test_nul_bytes(void **state)
{
    static const char in_target[] = "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n";
    static const char in_name[] = "GET / HTTP/1.1\r\nHost: h\r\nX\0: y\r\n\r\n";
    static const char in_value[] = "GET / HTTP/1.1\r\nHost: h\r\nX: 12345678\0\r\n\r\n";

    (void)state;
    assert_int_equal(parse_bytes(in_target, sizeof(in_target) - 1), 400);
    assert_int_equal(parse_bytes(in_name, sizeof(in_name) - 1), 400);
    assert_int_equal(parse_bytes(in_value, sizeof(in_value) - 1), 400);
}

static void test_allowed_oddities(void **state)
{
    (void)state;
    assert_int_equal(parse("\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n"), 0);
    assert_slice(req.line, "GET / HTTP/1.1");
    assert_slice(req.field[HTTP_HOST], "");
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: [::1]:80\r\nX: a\tb\xe4\xff\r\nY:\r\n\r\n"), 0);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0065536\r\n\r\n"), 0);
    assert_int_equal(req.content_length, 65536);
    assert_int_equal(parse("GET / HTTP/1.0\r\nExpect: x\r\n\r\n"), 0);
}

static void test_number_of_fields(void **state)
{
    char text[8192] = "GET / HTTP/1.1\r\nHost: h\r\n";

    (void)state;
    for (int i = 1; i < HTTP_FIELDS_MAX; i++)
        strcat(text, "A: b\r\n");
    strcat(text, "\r\n");
    assert_int_equal(parse(text), 0);
    strcpy(text + strlen(text) - 2, "A: b\r\n\r\n");
    assert_int_equal(parse(text), 431);
}

static void test_head_in_pieces(void **state)
{
    static const char text[] = "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nGET";
    const size_t head = sizeof(text) - 1 - 3;
    size_t scanned = 0;

    (void)state;
    for (size_t len = 0; len < head; len++) {
        assert_int_equal(http_head_find(text, len, &scanned), 0);
        assert_int_equal(scanned, len);
    }
    assert_int_equal(http_head_find(text, sizeof(text) - 1, &scanned), head);
    scanned = 0;
    assert_int_equal(http_head_find("\n", 1, &scanned), -1);
    scanned = 0;
    assert_int_equal(http_head_find("GET / HTTP/1.1\r\nA: b\n\r\n", 23, &scanned), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_request),   cmocka_unit_test(test_every_field_is_found),
        cmocka_unit_test(test_keep_alive),       cmocka_unit_test(test_targets),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_allowed_oddities), cmocka_unit_test(test_number_of_fields),
        cmocka_unit_test(test_head_in_pieces),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    free(copy);
    return failed;
}
