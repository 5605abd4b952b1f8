/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of text.h that are too long to be inline. Pure functions, no state. */
#include "text.h"

void text_puts(struct text *t, const char *s)
{
    text_put(t, s, strlen(s));
}

void text_put_u64(struct text *t, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    text_put(t, digits + at, sizeof(digits) - at);
}

void text_put_hex(struct text *t, uint64_t value)
{
    char digits[16];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    text_put(t, digits + at, sizeof(digits) - at);
}

void text_put_2digits(struct text *t, unsigned value)
{
    char digits[2] = {(char)('0' + value / 10 % 10), (char)('0' + value % 10)};

    text_put(t, digits, sizeof(digits));
}

bool str_is_nocase(struct str s, struct str lower)
{
    if (s.len != lower.len)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (ascii_lower(s.p[i]) != lower.p[i])
            return false;
    return true;
}

bool str_take_u64(struct str *s, uint64_t *value)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        unsigned digit = (unsigned)(s->p[i] - '0');
        sum = sum > (UINT64_MAX - digit) / 10 ? UINT64_MAX : sum * 10 + digit;
    }
    if (i == 0)
        return false;
    s->p += i;
    s->len -= i;
    *value = sum;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool str_take_element(struct str *list, struct str *element)
{
    while (list->len > 0) {
        const char *comma = memchr(list->p, ',', list->len);
        size_t len = comma ? (size_t)(comma - list->p) : list->len;
        size_t step = comma ? len + 1 : len;

        *element = str_trim((struct str){list->p, len});
        list->p += step;
        list->len -= step;
        if (element->len > 0)
            return true;
    }
    return false;
}
