/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding and normalizing of request paths, see path.h. The result never leads out of the
 * directory it is appended to (symbolic links aside, which are the file system's word).
 */
#include "path.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one byte off s, decoding an escape. Returns the byte, or -1 where it is refused. */
static int take_byte(struct str *s)
{
    int high, low, byte;

    if (s->p[0] != '%') {
        byte = (unsigned char)s->p[0];
        s->p++;
        s->len--;
        return byte != 0 ? byte : -1;
    }
    if (s->len < 3)
        return -1;
    high = hex_value(s->p[1]);
    low = hex_value(s->p[2]);
    if (high < 0 || low < 0)
        return -1;
    s->p += 3;
    s->len -= 3;
    byte = high << 4 | low;
    return byte != 0 && byte != '/' ? byte : -1;
}

/* Appends one segment, decoded, without its slash. Returns 0, 400 or 414. */
static int put_segment(struct str segment, struct text *out)
{
    size_t start = out->len;
    size_t len;

    while (segment.len > 0) {
        int byte = take_byte(&segment);

        if (byte < 0)
            return 400;
        if (out->len == out->cap)
            return 414;
        out->data[out->len++] = (char)byte;
    }
    len = out->len - start;
    if (len == 2 && out->data[start] == '.' && out->data[start + 1] == '.')
        return 400;
    if (len == 1 && out->data[start] == '.')
        out->len = start;
    return 0;
}

int path_from_target(struct str target, struct text *out)
{
    const char *end = target.p + target.len - path_query(target).len;
    const char *p = target.p;

    if (p == end || *p != '/')
        return 400;
    TEXT_LIT(out, "/");
    while (p < end && !out->full) {
        const char *start = ++p;
        const char *slash = memchr(start, '/', (size_t)(end - start));
        size_t before = out->len;
        int status;

        p = slash ? slash : end;
        status = put_segment((struct str){start, (size_t)(p - start)}, out);
        if (status != 0)
            return status;
        if (slash && out->len > before)
            TEXT_LIT(out, "/");
    }
    text_put(out, "", 1);
    if (out->full)
        return 414;
    out->len--;
    return 0;
}

void path_put_url(struct text *out, struct str path)
{
    static const char plain[] = "/-._~!$&'()*+,;=:@";

    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.p[i];

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            (c != 0 && strchr(plain, c))) {
            text_put(out, &path.p[i], 1);
        } else {
            char escape[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
            text_put(out, escape, sizeof(escape));
        }
    }
}

struct str path_query(struct str target)
{
    const char *mark = memchr(target.p, '?', target.len);

    if (!mark)
        return (struct str){target.p + target.len, 0};
    return (struct str){mark, (size_t)(target.p + target.len - mark)};
}
