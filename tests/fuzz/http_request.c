/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: apps/httpd/request.c apps/httpd/path.c apps/httpd/cond.c */
/* sources: apps/httpd/date.c apps/httpd/text.c */
/*
 * Fuzzes what httpd does with a client's bytes before it touches a file: head, path, conditions,
 * range. The first byte says in which pieces the head arrives; what must hold is asserted.
 */
#include <stdint.h>
#include <stdlib.h>

#include "apps/httpd/cond.h"
#include "apps/httpd/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_inside(struct str s, const char *buf, size_t len)
{
    require(!s.p || (s.p >= buf && s.p + s.len <= buf + len));
}

/* The end of the head, found in pieces; it must be the one found at once. */
static long find_head(const char *buf, size_t len, size_t step)
{
    size_t scanned = 0, whole_scanned = 0, have = 0;
    long whole = http_head_find(buf, len, &whole_scanned);
    long found = 0;

    while (found == 0 && have < len) {
        have = len - have < step ? len : have + step;
        found = http_head_find(buf, have, &scanned);
    }
    require(found == whole);
    return found;
}

static void check_path(const struct http_request *req)
{
    char buf[128];
    struct text out = {buf, 0, sizeof(buf), false};

    if (path_from_target(req->target, &out) != 0)
        return;
    require(out.len < sizeof(buf) && strlen(buf) == out.len && buf[0] == '/');
    require(!strstr(buf, "//") && !strstr(buf, "/../") && !strstr(buf, "/./"));
    require(out.len < 3 || strcmp(buf + out.len - 3, "/..") != 0);
}

static void check_conditions(const struct http_request *req)
{
    static const struct validators version = {STR_INIT("\"1-2-3\""), 1700000000};
    uint64_t first = 0, count = 0, file_size = 1000;
    int status = cond_check(req, &version, 1700000000);

    require(status == 0 || status == 304 || status == 412);
    if (cond_range(req, &version, file_size, 1700000000, &first, &count) == RANGE_PART)
        require(count > 0 && first < file_size && count <= file_size - first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request req;
    long head_len;
    int status;
    char *buf;

    if (size < 2 || size > HTTP_HEAD_MAX)
        return 0;
    buf = malloc(size - 1);
    require(buf != NULL);
    memcpy(buf, data + 1, size - 1);
    head_len = find_head(buf, size - 1, data[0] ? data[0] : 1);
    if (head_len > 0) {
        status = http_request_parse(buf, (size_t)head_len, &req);
        require(status == 0 || (status >= 400 && status <= 505));
        require_inside(req.line, buf, (size_t)head_len);
        require_inside(req.target, buf, (size_t)head_len);
        for (int i = 0; i < HTTP_FIELD_COUNT; i++)
            require_inside(req.field[i], buf, (size_t)head_len);
        if (status == 0) {
            require(req.content_length <= HTTP_BODY_MAX);
            check_conditions(&req);
            if (req.method != HTTP_OTHER)
                check_path(&req);
        }
    }
    free(buf);
    return 0;
}
