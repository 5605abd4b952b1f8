/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers, see response.h. Relies on the file cache for everything about files and on cond.c for
 * conditions and ranges; keeps nothing between requests but the root's name.
 */
#include "response.h"

#include "clock.h"
#include "cond.h"
#include "filecache.h"
#include "metrics.h"
#include "path.h"

static const char index_name[] = "index.html";
static char path_buf[HTTPD_PATH_MAX]; /* begins with the root, which stays */
static size_t root_len;

int response_set_root(const char *root)
{
    root_len = strlen(root);
    while (root_len > 0 && root[root_len - 1] == '/')
        root_len--;
    if (root_len > HTTPD_PATH_MAX / 2)
        return -1;
    memcpy(path_buf, root, root_len);
    return 0;
}

static struct str reason_of(int status)
{
    switch (status) {
    case 200:
        return STR("200 OK");
    case 206:
        return STR("206 Partial Content");
    case 301:
        return STR("301 Moved Permanently");
    case 304:
        return STR("304 Not Modified");
    case 400:
        return STR("400 Bad Request");
    case 403:
        return STR("403 Forbidden");
    case 404:
        return STR("404 Not Found");
    case 405:
        return STR("405 Method Not Allowed");
    case 408:
        return STR("408 Request Timeout");
    case 412:
        return STR("412 Precondition Failed");
    case 413:
        return STR("413 Content Too Large");
    case 414:
        return STR("414 URI Too Long");
    case 416:
        return STR("416 Range Not Satisfiable");
    case 417:
        return STR("417 Expectation Failed");
    case 431:
        return STR("431 Request Header Fields Too Large");
    case 501:
        return STR("501 Not Implemented");
    case 503:
        return STR("503 Service Unavailable");
    case 505:
        return STR("505 HTTP Version Not Supported");
    default:
        return STR("500 Internal Server Error");
    }
}

/* The status line and the fields that every answer has. */
static void put_start(struct text *out, const struct http_request *req, struct answer *answer,
                      int status)
{
    answer->status = status;
    TEXT_LIT(out, "HTTP/1.1 ");
    text_put_str(out, reason_of(status));
    TEXT_LIT(out, "\r\nServer: Coracle\r\nDate: ");
    text_put(out, clock_now.http_date, sizeof(clock_now.http_date));
    TEXT_LIT(out, "\r\n");
    if (answer->close)
        TEXT_LIT(out, "Connection: close\r\n");
    else if (req->minor == 0)
        TEXT_LIT(out, "Connection: keep-alive\r\n");
}

/* The last fields and the body of an answer that is a short page; put_start came before. */
static void put_page(struct text *out, const struct http_request *req, struct answer *answer)
{
    static const struct str parts[3] = {
        STR_INIT("<!doctype html>\n<html lang=\"en\"><title>"),
        STR_INIT("</title><h1>"),
        STR_INIT("</h1></html>\n"),
    };
    struct str reason = reason_of(answer->status);

    answer->body_len = parts[0].len + parts[1].len + parts[2].len + 2 * reason.len;
    TEXT_LIT(out, "Content-Type: text/html; charset=utf-8\r\nContent-Length: ");
    text_put_u64(out, answer->body_len);
    TEXT_LIT(out, "\r\n\r\n");
    if (req->method == HTTP_HEAD) {
        answer->body_len = 0;
        return;
    }
    text_put_str(out, parts[0]);
    text_put_str(out, reason);
    text_put_str(out, parts[1]);
    text_put_str(out, reason);
    text_put_str(out, parts[2]);
}

void response_error(const struct http_request *req, int status, struct text *out,
                    struct answer *answer)
{
    put_start(out, req, answer, status);
    if (status == 405)
        TEXT_LIT(out, "Allow: GET, HEAD\r\n");
    else if (status == 503)
        TEXT_LIT(out, "Retry-After: 1\r\n");
    put_page(out, req, answer);
}

/* To the same path with a slash at its end; path is without the root. */
static void put_redirect(struct text *out, const struct http_request *req, struct str path,
                         struct answer *answer)
{
    struct str query = path_query(req->target);

    put_start(out, req, answer, 301);
    TEXT_LIT(out, "Location: ");
    path_put_url(out, path);
    TEXT_LIT(out, "/");
    if (query.len <= RESPONSE_HEAD_MAX / 4)
        text_put_str(out, query);
    TEXT_LIT(out, "\r\n");
    put_page(out, req, answer);
}

/* The body is part of a file; it is sent unless the request is for the head only. */
static void set_body(const struct http_request *req, struct file *file, uint64_t first,
                     uint64_t count, struct answer *answer)
{
    if (req->method == HTTP_HEAD || count == 0)
        return;
    file->refs++;
    answer->file = file;
    answer->first = first;
    answer->count = count;
    answer->body_len = count;
}

static void put_part(struct text *out, const struct http_request *req, struct file *file,
                     uint64_t first, uint64_t count, struct answer *answer)
{
    put_start(out, req, answer, 206);
    text_put(out, file->fields, file->common_len);
    TEXT_LIT(out, "Content-Range: bytes ");
    text_put_u64(out, first);
    TEXT_LIT(out, "-");
    text_put_u64(out, first + count - 1);
    TEXT_LIT(out, "/");
    text_put_u64(out, file->size);
    TEXT_LIT(out, "\r\nContent-Length: ");
    text_put_u64(out, count);
    TEXT_LIT(out, "\r\n\r\n");
    set_body(req, file, first, count, answer);
}

static void put_file(struct text *out, const struct http_request *req, struct file *file,
                     struct answer *answer)
{
    struct validators validators = {file->etag, file->mtime_s};
    uint64_t first = 0, count = 0;
    int status = 0;

    if (file->validators_len > 0) {
        status = cond_check(req, &validators, clock_now.wall_s);
        if (status == 0 && req->field[HTTP_RANGE].p) {
            switch (cond_range(req, &validators, file->size, clock_now.wall_s, &first, &count)) {
            case RANGE_PART:
                put_part(out, req, file, first, count, answer);
                return;
            case RANGE_OUTSIDE:
                status = 416;
                break;
            case RANGE_WHOLE:
                break;
            }
        }
    }
    put_start(out, req, answer, status == 0 ? 200 : status);
    switch (status) {
    case 304:
        text_put(out, file->fields, file->validators_len);
        TEXT_LIT(out, "\r\n");
        break;
    case 412:
        put_page(out, req, answer);
        break;
    case 416:
        TEXT_LIT(out, "Content-Range: bytes */");
        text_put_u64(out, file->size);
        TEXT_LIT(out, "\r\n");
        put_page(out, req, answer);
        break;
    default:
        text_put(out, file->fields, file->fields_len);
        TEXT_LIT(out, "\r\n");
        set_body(req, file, 0, file->size, answer);
    }
}

void response_make(const struct http_request *req, struct text *out, struct answer *answer)
{
    struct text path = {path_buf, root_len, sizeof(path_buf) - sizeof(index_name), false};
    struct file *file = NULL;
    struct str url_path;
    int status;

    *answer = (struct answer){.close = !req->keep_alive || req->expect_continue};
    if (req->method == HTTP_OTHER) {
        response_error(req, 405, out, answer);
        return;
    }
    status = path_from_target(req->target, &path);
    if (status != 0) {
        response_error(req, status, out, answer);
        return;
    }
    url_path = (struct str){path_buf + root_len, path.len - root_len};
    if (url_path.len == 8 && memcmp(url_path.p, "/metrics", 8) == 0) {
        file = metrics_page();
        status = file ? 0 : 503;
    } else if (path_buf[path.len - 1] == '/') {
        memcpy(path_buf + path.len, index_name, sizeof(index_name));
        status = filecache_get(path_buf, path.len + sizeof(index_name) - 1, &file);
        if (status == 301) /* a directory of that name is no index */
            status = 404;
    } else {
        status = filecache_get(path_buf, path.len, &file);
    }

    if (status == 301)
        put_redirect(out, req, url_path, answer);
    else if (status != 0)
        response_error(req, status, out, answer);
    else
        put_file(out, req, file, answer);
    file_put(file);
}
