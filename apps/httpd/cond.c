/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditional and range requests, see cond.h. */
#include "cond.h"
#include "date.h"

static bool came_twice(const struct http_request *req, enum http_field field)
{
    return (req->repeated & 1u << field) != 0;
}

/*
 * Takes one entity tag off a list. Sets *weak and *tag (quotes included). False at the end of the
 * list or where it is malformed.
 */
static bool take_etag(struct str *list, bool *weak, struct str *tag)
{
    const char *p = list->p, *end = list->p + list->len, *close;

    while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
        p++;
    *weak = end - p >= 2 && p[0] == 'W' && p[1] == '/';
    if (*weak)
        p += 2;
    if (p == end || *p != '"')
        return false;
    close = memchr(p + 1, '"', (size_t)(end - p - 1));
    if (!close)
        return false;
    *tag = (struct str){p, (size_t)(close + 1 - p)};
    *list = (struct str){close + 1, (size_t)(end - close - 1)};
    return true;
}

static bool same(struct str a, struct str b)
{
    return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* Does the list name our tag? A weak tag of the list counts only in a weak comparison. */
static bool list_has_etag(struct str list, struct str etag, bool weak_comparison)
{
    struct str tag;
    bool weak;

    if (list.len == 1 && list.p[0] == '*')
        return true;
    while (take_etag(&list, &weak, &tag))
        if ((weak_comparison || !weak) && same(tag, etag))
            return true;
    return false;
}

int cond_check(const struct http_request *req, const struct validators *v, int64_t now_s)
{
    struct str if_match = req->field[HTTP_IF_MATCH];
    struct str if_none_match = req->field[HTTP_IF_NONE_MATCH];
    struct str since;
    int64_t date;

    /* A condition that came in several lines is not put together: the answer is the safe one. */
    if (if_match.p) {
        if (came_twice(req, HTTP_IF_MATCH) || !list_has_etag(if_match, v->etag, false))
            return 412;
    } else {
        since = req->field[HTTP_IF_UNMODIFIED_SINCE];
        if (since.p && date_parse(since, now_s, &date) && v->mtime_s > date)
            return 412;
    }
    if (if_none_match.p) {
        if (!came_twice(req, HTTP_IF_NONE_MATCH) && list_has_etag(if_none_match, v->etag, true))
            return 304;
    } else {
        since = req->field[HTTP_IF_MODIFIED_SINCE];
        if (since.p && !came_twice(req, HTTP_IF_MODIFIED_SINCE) &&
            date_parse(since, now_s, &date) && v->mtime_s <= date)
            return 304;
    }
    return 0;
}

/* If-Range holds one strong tag, or the file's exact date (RFC 9110, 13.1.5). */
static bool if_range_holds(struct str value, const struct validators *v, int64_t now_s)
{
    int64_t date;

    if (value.len > 0 && value.p[0] == '"')
        return same(value, v->etag);
    return date_parse(value, now_s, &date) && date == v->mtime_s;
}

enum range_kind cond_range(const struct http_request *req, const struct validators *v,
                           uint64_t size, int64_t now_s, uint64_t *first, uint64_t *count)
{
    struct str s = req->field[HTTP_RANGE];
    struct str if_range = req->field[HTTP_IF_RANGE];
    uint64_t last = UINT64_MAX;
    bool has_first, has_last;

    if (!s.p || req->method != HTTP_GET || came_twice(req, HTTP_RANGE))
        return RANGE_WHOLE;
    if (if_range.p && (came_twice(req, HTTP_IF_RANGE) || !if_range_holds(if_range, v, now_s)))
        return RANGE_WHOLE;
    if (s.len < 6 || !str_is_nocase((struct str){s.p, 6}, STR("bytes=")))
        return RANGE_WHOLE;
    s = str_trim((struct str){s.p + 6, s.len - 6});
    has_first = str_take_u64(&s, first);
    if (s.len == 0 || s.p[0] != '-')
        return RANGE_WHOLE;
    s.p++;
    s.len--;
    has_last = str_take_u64(&s, &last);
    if (s.len != 0 || (!has_first && !has_last) || (has_first && *first > last))
        return RANGE_WHOLE;

    if (!has_first) { /* the last `last` bytes */
        *count = last < size ? last : size;
        *first = size - *count;
        return *count > 0 ? RANGE_PART : RANGE_OUTSIDE;
    }
    if (*first >= size)
        return RANGE_OUTSIDE;
    *count = (last < size ? last + 1 : size) - *first;
    return RANGE_PART;
}
