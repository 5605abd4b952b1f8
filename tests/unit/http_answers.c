/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: apps/httpd/response.c apps/httpd/filecache.c apps/httpd/metrics.c apps/httpd/mime.c */
/* sources: apps/httpd/path.c apps/httpd/cond.c apps/httpd/date.c apps/httpd/clock.c */
/* sources: apps/httpd/request.c apps/httpd/text.c apps/httpd/log.c */
/* Answers and the file cache over a real directory, and the lines of the access log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "apps/httpd/clock.h"
#include "apps/httpd/filecache.h"
#include "apps/httpd/log.h"
#include "apps/httpd/metrics.h"
#include "apps/httpd/response.h"

static char root[] = "/tmp/http_answers.XXXXXX";
static char text_of_answer[RESPONSE_HEAD_MAX + 1];
static struct answer answer;

static const char *name(const char *file)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", root, file);
    return path;
}

static void put(const char *file, size_t size, char fill)
{
    FILE *f = fopen(name(file), "w");

    assert_non_null(f);
    for (size_t i = 0; i < size; i++)
        fputc(fill, f);
    assert_int_equal(fclose(f), 0);
}

static int fill_root(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(mkdir(name("sub"), 0755), 0);
    put("index.html", 20, 'i');
    put("small.txt", 300, 's');
    put("large.bin", FILE_CONTENT_MAX + 1, 'l');
    put("empty", 0, ' ');
    clock_update();
    assert_int_equal(response_set_root(root), 0);
    return filecache_set_root(root);
}

static int empty_root(void **state)
{
    char command[300];

    (void)state;
    filecache_drop();
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

/* Asks for a target; the answer's head is in text_of_answer. The file goes back at once. */
static int ask(const char *method, const char *target, const char *fields)
{
    struct text out = {text_of_answer, 0, RESPONSE_HEAD_MAX, false};
    struct http_request req;
    char text[512];

    snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target, fields);
    assert_int_equal(http_request_parse(text, strlen(text), &req), 0);
    response_make(&req, &out, &answer);
    assert_false(out.full);
    text_of_answer[out.len] = '\0';
    file_put(answer.file);
    return answer.status;
}

static void assert_has(const char *part)
{
    if (!strstr(text_of_answer, part))
        fail_msg("no %s in %s", part, text_of_answer);
}

static void test_statuses(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/", ""), 200);
    assert_has("Content-Type: text/html; charset=utf-8\r\nContent-Length: 20\r\n\r\n");
    assert_int_equal(answer.count, 20);
    assert_int_equal(ask("GET", "/large.bin", "Range: bytes=1-\r\n"), 206);
    assert_has("Content-Range: bytes 1-262144/262145\r\nContent-Length: 262144\r\n\r\n");
    assert_int_equal(answer.first, 1);
    assert_int_equal(answer.count, FILE_CONTENT_MAX);
    assert_int_equal(ask("GET", "/large.bin", "Range: bytes=300000-\r\n"), 416);
    assert_has("Content-Range: bytes */262145\r\n");
    assert_int_equal(ask("HEAD", "/small.txt", ""), 200);
    assert_has("Content-Length: 300\r\n\r\n");
    assert_null(answer.file);
    assert_int_equal(answer.body_len, 0);
    assert_int_equal(ask("GET", "/empty", ""), 200);
    assert_null(answer.file);
    assert_int_equal(ask("GET", "/sub?x", ""), 301);
    assert_has("Location: /sub/?x\r\n");
    assert_int_equal(ask("GET", "/sub/", ""), 404);
    assert_int_equal(ask("GET", "/small.txt/", ""), 404);
    assert_int_equal(ask("PUT", "/small.txt", ""), 405);
    assert_has("Allow: GET, HEAD\r\n");
    assert_int_equal(ask("GET", "/small.txt", "If-None-Match: *\r\n"), 304);
    assert_null(strstr(text_of_answer, "Content-Length"));
    assert_int_equal(ask("GET", "/", "Connection: close\r\n"), 200);
    assert_has("Connection: close\r\n");
    assert_true(answer.close);
}

static void test_only_regular_files_of_the_root(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(name("pipe"), 0644), 0);
    assert_int_equal(ask("GET", "/pipe", ""), 404);
    assert_int_equal(symlink("/proc/version", name("other-file-system")), 0);
    assert_int_equal(ask("GET", "/other-file-system", ""), 404);
    assert_int_equal(symlink("loop", name("loop")), 0);
    assert_int_equal(ask("GET", "/loop", ""), 404);
    assert_int_equal(symlink("small.txt", name("link")), 0);
    assert_int_equal(ask("GET", "/link", ""), 200);
}

static void test_redirect_cannot_leave_the_site(void **state)
{
    (void)state;
    assert_int_equal(mkdir(name("evil.example"), 0755), 0);
    assert_int_equal(ask("GET", "//evil.example", ""), 301);
    assert_has("Location: /evil.example/\r\n");
    assert_int_equal(mkdir(name("a\r\nSet-Cookie: b"), 0755), 0);
    assert_int_equal(ask("GET", "/a%0d%0aSet-Cookie:%20b", ""), 301);
    assert_has("Location: /a%0D%0ASet-Cookie:%20b/\r\n");
}

/* A changed file is noticed when the clock's second is another. */
static void test_changed_file(void **state)
{
    struct file *old, *changed;

    (void)state;
    put("change.txt", 10, 'a');
    assert_int_equal(filecache_get(name("change.txt"), strlen(name("change.txt")), &old), 0);
    put("change.txt", 11, 'b');
    clock_now.mono_ms += 1000;
    assert_int_equal(filecache_get(name("change.txt"), strlen(name("change.txt")), &changed), 0);
    assert_int_equal(changed->size, 11);
    assert_int_equal(changed->content[10], 'b');
    assert_int_equal(old->size, 10);
    assert_int_equal(old->content[9], 'a');
    assert_false(old->cached);
    file_put(old);
    file_put(changed);
    assert_int_equal(unlink(name("change.txt")), 0);
    clock_now.mono_ms += 1000;
    assert_int_equal(ask("GET", "/change.txt", ""), 404);
}

static void test_shrunk_file(void **state)
{
    struct file *file;
    char byte;

    (void)state;
    put("shrink.bin", FILE_CONTENT_MAX + 100, 'x');
    assert_int_equal(filecache_get(name("shrink.bin"), strlen(name("shrink.bin")), &file), 0);
    assert_int_equal(file_read(file, &byte, 1, FILE_CONTENT_MAX), 1);
    assert_int_equal(truncate(name("shrink.bin"), 10), 0);
    assert_int_equal(file_read(file, &byte, 1, FILE_CONTENT_MAX), -1);
    file_put(file);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += lseek(fd, 0, SEEK_CUR) >= 0;
    return count;
}

/* More files than the cache may hold, first only large ones; none is lost or kept too long. */
static void test_bounds(void **state)
{
    int before = open_descriptors();

    (void)state;
    for (int i = 0; i < FILECACHE_ENTRIES + 50; i++) {
        char file[32], target[33];

        snprintf(file, sizeof(file), "many%d", i);
        snprintf(target, sizeof(target), "/%s", file);
        put(file, i > 40 && i % 3 ? FILE_CONTENT_MAX : FILE_CONTENT_MAX + 1, 'm');
        assert_int_equal(ask("GET", target, ""), 200);
        assert_true(open_descriptors() <= before + FILECACHE_FDS);
    }
    assert_int_equal(ask("GET", "/many0", ""), 200);
    filecache_drop();
    assert_true(open_descriptors() <= before);
}

static void test_metrics_page(void **state)
{
    struct file *page;

    (void)state;
    metrics.requests[4] = 77;
    page = metrics_page();
    assert_non_null(page);
    assert_non_null(
        memmem(page->content, page->size, "\nhttpd_requests_total{class=\"4xx\"} 77\n", 38));
    assert_memory_equal(page->content + page->size - 6, "# EOF\n", 6);
    assert_memory_equal(page->fields, "Content-Type: " METRICS_TYPE, 14 + sizeof(METRICS_TYPE) - 1);
    file_put(page);
}

/* What the log writes to standard output for a request. */
static size_t logged(const struct http_request *req, char *line, size_t size)
{
    int pipe_fds[2], saved = dup(STDOUT_FILENO);
    ssize_t n;

    assert_int_equal(pipe(pipe_fds), 0);
    dup2(pipe_fds[1], STDOUT_FILENO);
    log_request("192.0.2.1", req, 200, 5);
    log_flush();
    dup2(saved, STDOUT_FILENO);
    n = read(pipe_fds[0], line, size - 1);
    close(saved);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_true(n > 0);
    line[n] = '\0';
    return (size_t)n;
}

static void test_log_lines(void **state)
{
    struct http_request req = {.line = STR("GET /\"\\\n\x1b[31m\xff HTTP/1.1")};
    char line[8192], expected[8192], *long_field = malloc(9000);

    (void)state;
    clock_now.wall_s = 0;
    clock_update();
    req.field[HTTP_USER_AGENT] = STR("agent\r");
    logged(&req, line, sizeof(line));
    snprintf(expected, sizeof(expected),
             "192.0.2.1 - - [%.26s] \"GET /\\x22\\x5c\\x0a\\x1b[31m\\xff HTTP/1.1\" 200 5 \"-\" "
             "\"agent\\x0d\"\n",
             clock_now.log_date);
    assert_string_equal(line, expected);
    memset(long_field, '\x01', 9000);
    req.line = (struct str){long_field, 9000};
    req.field[HTTP_REFERER] = req.field[HTTP_USER_AGENT] = req.line;
    assert_true(logged(&req, line, sizeof(line)) < sizeof(line) - 1);
    assert_int_equal(line[strlen(line) - 1], '\n');
    free(long_field);
}

static void test_log_waits(void **state)
{
    struct http_request req = {.line = STR("GET / HTTP/1.1")};
    char line[1024];

    (void)state;
    assert_int_equal(log_wait_ms(), -1);
    log_request("-", &req, 200, 0);
    assert_in_range(log_wait_ms(), 1, 1000);
    clock_now.mono_ms += 1000;
    assert_int_equal(log_wait_ms(), 0);
    logged(&req, line, sizeof(line));
    assert_int_equal(log_wait_ms(), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_only_regular_files_of_the_root),
        cmocka_unit_test(test_redirect_cannot_leave_the_site),
        cmocka_unit_test(test_changed_file),
        cmocka_unit_test(test_shrunk_file),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_metrics_page),
        cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_log_waits),
    };

    return cmocka_run_group_tests(tests, fill_root, empty_root);
}
