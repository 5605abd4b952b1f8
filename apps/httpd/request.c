/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser of HTTP/1 requests, see request.h. Grammar: RFC 9112 (messages) and RFC 9110
 * (fields). Called by conn.c, the unit tests and the fuzzer; every byte is the client's.
 */
#include "request.h"

enum {
    IS_TOKEN = 1,  /* method and field names: RFC 9110, 5.6.2 */
    IS_VALUE = 2,  /* field values: all but control characters */
    IS_TARGET = 4, /* visible ASCII but '#', which never belongs in a request */
    IS_HOST = 8,   /* host and port: RFC 3986, 3.2.2, brackets for IPv6 */
};

#define ALNUM (IS_TOKEN | IS_VALUE | IS_TARGET | IS_HOST)
#define MARK (IS_TOKEN | IS_VALUE | IS_TARGET | IS_HOST)
#define TOKEN (IS_TOKEN | IS_VALUE | IS_TARGET)
#define DELIM (IS_VALUE | IS_TARGET)

static const unsigned char class_of[256] = {
    ['\t'] = IS_VALUE,
    [' '] = IS_VALUE,
    ['#'] = IS_VALUE | IS_TOKEN,
    ['0' ... '9'] = ALNUM,
    ['A' ... 'Z'] = ALNUM,
    ['a' ... 'z'] = ALNUM,
    ['!'] = MARK,
    ['$'] = MARK,
    ['%'] = MARK,
    ['&'] = MARK,
    ['\''] = MARK,
    ['*'] = MARK,
    ['+'] = MARK,
    ['-'] = MARK,
    ['.'] = MARK,
    ['_'] = MARK,
    ['~'] = MARK,
    ['^'] = TOKEN,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
    ['('] = DELIM | IS_HOST,
    [')'] = DELIM | IS_HOST,
    [','] = DELIM | IS_HOST,
    [':'] = DELIM | IS_HOST,
    [';'] = DELIM | IS_HOST,
    ['='] = DELIM | IS_HOST,
    ['['] = DELIM | IS_HOST,
    [']'] = DELIM | IS_HOST,
    ['"'] = DELIM,
    ['/'] = DELIM,
    ['<'] = DELIM,
    ['>'] = DELIM,
    ['?'] = DELIM,
    ['@'] = DELIM,
    ['\\'] = DELIM,
    ['{'] = DELIM,
    ['}'] = DELIM,
    [0x80 ... 0xff] = IS_VALUE,
};

static bool is(char c, unsigned char class)
{
    return (class_of[(unsigned char)c] & class) != 0;
}

static const char *skip(const char *p, const char *end, unsigned char class)
{
    while (p < end && is(*p, class))
        p++;
    return p;
}

/* skip() for values, eight bytes at a time as long as none of them could be a control character. */
static const char *skip_value(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;

    while (end - p >= 8) {
        uint64_t word, below_space, del;

        memcpy(&word, p, sizeof(word));
        below_space = (word - ones * 0x20) & ~word & tops;
        del = word ^ ones * 0x7f;
        del = (del - ones) & ~del & tops;
        if (below_space | del)
            break;
        p += 8;
    }
    return skip(p, end, IS_VALUE);
}

long http_head_find(const char *buf, size_t len, size_t *scanned)
{
    size_t at = *scanned;

    while (at < len) {
        const char *lf = memchr(buf + at, '\n', len - at);
        size_t i;

        if (!lf)
            break;
        i = (size_t)(lf - buf);
        if (i == 0 || buf[i - 1] != '\r')
            return -1;
        at = i + 1;
        if (i >= 3 && buf[i - 2] == '\n')
            return (long)at;
    }
    *scanned = len;
    return 0;
}

/* "http://host/path" becomes "/path" (RFC 9112, 3.2.2). False where the target has no such form. */
static bool target_to_origin_form(struct str *target)
{
    static const struct str scheme = STR_INIT("http://");
    const char *p, *end = target->p + target->len;

    if (target->p[0] == '/')
        return true;
    if (target->len <= scheme.len || !str_is_nocase((struct str){target->p, scheme.len}, scheme))
        return false;
    p = skip(target->p + scheme.len, end, IS_HOST);
    if (p == target->p + scheme.len)
        return false;
    if (p == end)
        *target = (struct str){target->p + 6, 1}; /* no path means "/": a slash that is there */
    else if (*p == '/')
        *target = (struct str){p, (size_t)(end - p)};
    else
        return false;
    return true;
}

/* "HTTP/" digit "." digit. Returns 0, 400 or 505. */
static int parse_version(struct str v, unsigned *minor)
{
    if (v.len != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' ||
        v.p[5] > '9' || v.p[7] < '0' || v.p[7] > '9')
        return 400;
    if (v.p[5] != '1')
        return 505;
    *minor = v.p[7] == '0' ? 0 : 1;
    return 0;
}

/* method SP target SP version. The line's end is known. Returns 0 or a status. */
static int parse_request_line(struct http_request *req)
{
    const char *p = req->line.p, *end = p + req->line.len;
    const char *method_end = skip(p, end, IS_TOKEN);
    size_t method_len = (size_t)(method_end - p);
    const char *target_end;

    if (method_len == 0 || method_end == end || *method_end != ' ')
        return 400;
    if (method_len == 3 && memcmp(p, "GET", 3) == 0)
        req->method = HTTP_GET;
    else if (method_len == 4 && memcmp(p, "HEAD", 4) == 0)
        req->method = HTTP_HEAD;
    else
        req->method = HTTP_OTHER;

    target_end = skip(method_end + 1, end, IS_TARGET);
    req->target = (struct str){method_end + 1, (size_t)(target_end - method_end - 1)};
    if (req->target.len == 0 || target_end == end || *target_end != ' ')
        return 400;
    if (req->method != HTTP_OTHER && !target_to_origin_form(&req->target))
        return 400;
    return parse_version((struct str){target_end + 1, (size_t)(end - target_end - 1)}, &req->minor);
}

/* Which field a name means; HTTP_FIELD_COUNT for all that we do not look at. */
static enum http_field field_of(struct str name)
{
#define FIELD(literal, id)                 \
    if (str_is_nocase(name, STR(literal))) \
    return id
    switch (name.len) {
    case 4:
        FIELD("host", HTTP_HOST);
        break;
    case 5:
        FIELD("range", HTTP_RANGE);
        break;
    case 6:
        FIELD("expect", HTTP_EXPECT);
        break;
    case 7:
        FIELD("referer", HTTP_REFERER);
        break;
    case 8:
        FIELD("if-match", HTTP_IF_MATCH);
        FIELD("if-range", HTTP_IF_RANGE);
        break;
    case 10:
        FIELD("connection", HTTP_CONNECTION);
        FIELD("user-agent", HTTP_USER_AGENT);
        break;
    case 13:
        FIELD("if-none-match", HTTP_IF_NONE_MATCH);
        break;
    case 14:
        FIELD("content-length", HTTP_CONTENT_LENGTH);
        break;
    case 17:
        FIELD("if-modified-since", HTTP_IF_MODIFIED_SINCE);
        FIELD("transfer-encoding", HTTP_TRANSFER_ENCODING);
        break;
    case 19:
        FIELD("if-unmodified-since", HTTP_IF_UNMODIFIED_SINCE);
        break;
    }
#undef FIELD
    return HTTP_FIELD_COUNT;
}

/* The options of one Connection line: "close" wins over "keep-alive" wherever it stands. */
static void parse_connection(struct str list, bool *close, bool *keep_alive)
{
    struct str option;

    while (str_take_element(&list, &option)) {
        if (str_is_nocase(option, STR("close")))
            *close = true;
        else if (str_is_nocase(option, STR("keep-alive")))
            *keep_alive = true;
    }
}

/* All lines after the first, up to the empty one. Returns 0, 400 or 431. */
static int parse_fields(const char *p, const char *end, struct http_request *req)
{
    bool close = false, keep_alive = req->minor >= 1;
    uint32_t seen = 0;

    for (unsigned count = 0; *p != '\r'; count++) {
        const char *colon = skip(p, end, IS_TOKEN);
        const char *value, *value_end;
        enum http_field id;

        if (count == HTTP_FIELDS_MAX)
            return 431;
        if (colon == p || *colon != ':')
            return 400;
        value = colon + 1;
        value_end = skip_value(value, end);
        if (end - value_end < 2 || value_end[0] != '\r' || value_end[1] != '\n')
            return 400;
        id = field_of((struct str){p, (size_t)(colon - p)});
        p = value_end + 2;
        if (id == HTTP_FIELD_COUNT)
            continue;
        if (seen & 1u << id)
            req->repeated |= 1u << id;
        else
            req->field[id] = str_trim((struct str){value, (size_t)(value_end - value)});
        seen |= 1u << id;
        if (id == HTTP_CONNECTION)
            parse_connection((struct str){value, (size_t)(value_end - value)}, &close, &keep_alive);
    }
    req->keep_alive = keep_alive && !close;
    return end - p == 2 && p[1] == '\n' ? 0 : 400;
}

/* The fields that say where the request ends and whom it is for. Returns 0 or a status. */
static int check_framing(struct http_request *req)
{
    struct str host = req->field[HTTP_HOST];
    struct str length = req->field[HTTP_CONTENT_LENGTH];
    const uint32_t only_once = 1u << HTTP_HOST | 1u << HTTP_CONTENT_LENGTH;

    if ((req->repeated & only_once) || (!host.p && req->minor >= 1))
        return 400;
    if (host.p && skip(host.p, host.p + host.len, IS_HOST) != host.p + host.len)
        return 400;
    if (req->field[HTTP_TRANSFER_ENCODING].p)
        return length.p || req->minor == 0 ? 400 : 501;
    if (length.p && (!str_take_u64(&length, &req->content_length) || length.len != 0))
        return 400;
    if (req->content_length > HTTP_BODY_MAX)
        return 413;
    if (req->field[HTTP_EXPECT].p && req->minor >= 1) {
        if (!str_is_nocase(req->field[HTTP_EXPECT], STR("100-continue")))
            return 417;
        req->expect_continue = req->content_length > 0;
    }
    return 0;
}

int http_request_parse(const char *head, size_t len, struct http_request *req)
{
    const char *end = head + len, *cr;
    int status;

    memset(req, 0, sizeof(*req));
    /* One empty line before a request is a known fault of old clients (RFC 9112, 2.2). */
    if (len >= 2 && head[0] == '\r' && head[1] == '\n')
        head += 2;
    cr = memchr(head, '\r', (size_t)(end - head));
    if (!cr)
        return 400;
    req->line = (struct str){head, (size_t)(cr - head)};
    if (end - cr < 4 || cr[1] != '\n')
        return 400;
    status = parse_request_line(req);
    if (status == 0)
        status = parse_fields(cr + 2, end, req);
    if (status == 0)
        status = check_framing(req);
    return status;
}
