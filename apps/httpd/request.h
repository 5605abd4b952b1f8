/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser of HTTP/1 requests: pure, without input, output or memory of its own.
 *
 *   head_len = http_head_find(buf, len, &scanned);     // again with more bytes while it is 0
 *   status = http_request_parse(buf, head_len, &req);  // 0, or the status to refuse it with
 *
 * It is strict where leniency has let requests be smuggled past other servers (RFC 9112, 11.2):
 * lines end in CR LF, no folded lines, no space before a colon, one Content-Length, no
 * Transfer-Encoding.
 */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include "text.h"

enum {
    HTTP_HEAD_MAX = 8192,  /* bytes of a head, with its last empty line */
    HTTP_FIELDS_MAX = 100, /* header lines of one request */
    HTTP_BODY_MAX = 65536, /* bytes of a request body that are read and thrown away */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

/* The header fields that httpd looks at. */
enum http_field {
    HTTP_CONNECTION,
    HTTP_CONTENT_LENGTH,
    HTTP_EXPECT,
    HTTP_HOST,
    HTTP_IF_MATCH,
    HTTP_IF_MODIFIED_SINCE,
    HTTP_IF_NONE_MATCH,
    HTTP_IF_RANGE,
    HTTP_IF_UNMODIFIED_SINCE,
    HTTP_RANGE,
    HTTP_REFERER,
    HTTP_TRANSFER_ENCODING,
    HTTP_USER_AGENT,
    HTTP_FIELD_COUNT,
};

/* A parsed request. Its slices point into the buffer that was parsed. */
struct http_request {
    struct str line;   /* the request line, for the log; set even where parsing fails */
    struct str target; /* path and query; where the method is HTTP_OTHER, anything */
    struct str field[HTTP_FIELD_COUNT]; /* the first of each; p is NULL where there is none */
    uint32_t repeated;                  /* bit (1 << field) for those that came more than once */
    enum http_method method;
    unsigned minor;          /* 0 or 1: HTTP/1.0 or HTTP/1.1 */
    bool keep_alive;         /* the client will reuse the connection */
    bool expect_continue;    /* the client waits for our word before it sends the body */
    uint64_t content_length; /* bytes of body that follow the head */
};

/*
 * Looks for the end of a request's head in buf[0..len). *scanned is 0 for a new head and is
 * advanced, so that bytes are looked at once although the head comes in pieces.
 * Returns the head's length including the empty line, 0 where more bytes are needed, or -1 where
 * a line feed came without a carriage return.
 */
long http_head_find(const char *buf, size_t len, size_t *scanned);

/*
 * Parses the head of len bytes that http_head_find found. Returns 0, or the HTTP status to refuse
 * the request with, after which the connection is to be closed: 400, 413, 417, 431, 501 or 505.
 */
int http_request_parse(const char *head, size_t len, struct http_request *req);

#endif
