/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slices of text (struct str) and a bounded builder of text (struct text), both without
 * allocation. Used by every other file of httpd; depends on nothing.
 */
#ifndef HTTPD_TEXT_H
#define HTTPD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A slice of somebody else's bytes; p is NULL where there is no such text at all. */
struct str {
    const char *p;
    size_t len;
};

#define STR_INIT(literal)              \
    {                                  \
        (literal), sizeof(literal) - 1 \
    } /* for static data */
#define STR(literal) ((struct str)STR_INIT(literal))

/*
 * Text under construction in a buffer of the caller. What does not fit is left out as a whole and
 * sets `full`, which the caller checks once at the end.
 */
struct text {
    char *data;
    size_t len;
    size_t cap;
    bool full;
};

static inline void text_put(struct text *t, const void *data, size_t len)
{
    if (len > t->cap - t->len) {
        t->full = true;
        return;
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
}

static inline void text_put_str(struct text *t, struct str s)
{
    text_put(t, s.p, s.len);
}

#define TEXT_LIT(t, literal) text_put((t), (literal), sizeof(literal) - 1)

/* Appends a string that ends in NUL. */
void text_puts(struct text *t, const char *s);
/* Appends a number in decimal, without leading zeros. */
void text_put_u64(struct text *t, uint64_t value);
/* Appends a number in lower-case hexadecimal, without leading zeros. */
void text_put_hex(struct text *t, uint64_t value);
/* Appends a number below 100 as two decimal digits. */
void text_put_2digits(struct text *t, unsigned value);

/* ASCII letters to lower case, everything else unchanged, whatever the locale. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Is s the given text, which is in lower case, ASCII case ignored? */
bool str_is_nocase(struct str s, struct str lower);

/*
 * Takes a number of decimal digits off the front of s. False where there is no digit; a number
 * too large becomes UINT64_MAX.
 */
bool str_take_u64(struct str *s, uint64_t *value);

/* s without spaces and tabs at both ends. */
struct str str_trim(struct str s);

/*
 * Takes the next element off a comma-separated list, trimmed and not empty.
 * False at the end of the list. Not for lists whose elements may hold quoted commas.
 */
bool str_take_element(struct str *list, struct str *element);

#endif
