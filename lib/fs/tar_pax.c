/* SPDX-License-Identifier: BSD-2-Clause */
/* pax extended headers (POSIX.1-2017, pax, "pax Extended Header"). */
#include "tar_pax.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct text {
    const char *at;
    size_t bytes;
};

static bool text_is(struct text text, const char *word)
{
    return text.bytes == strlen(word) && memcmp(text.at, word, text.bytes) == 0;
}

static bool text_begins(struct text text, const char *word)
{
    size_t bytes = strlen(word);
    return text.bytes >= bytes && memcmp(text.at, word, bytes) == 0;
}

/* Takes decimal digits from the front; false when there is none or the number is too large. */
static bool digits_take(struct text *text, uint64_t *value)
{
    size_t count = 0;
    *value = 0;
    for (; text->bytes > 0 && *text->at >= '0' && *text->at <= '9'; count++) {
        if (__builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*text->at - '0'), value))
            return false;
        text->at++;
        text->bytes--;
    }
    return count > 0;
}

static int number_set(struct text value, uint64_t *number, bool *has)
{
    *has = false;
    if (value.bytes == 0)
        return 0;
    if (!digits_take(&value, number) || value.bytes != 0 || *number > INT64_MAX)
        return -EINVAL;
    *has = true;
    return 0;
}

/* Seconds with a sign and a fraction, of which nanoseconds are kept. */
static int time_set(struct text value, struct tar_attributes *attributes)
{
    bool negative = value.bytes > 0 && *value.at == '-';
    uint64_t seconds;
    uint32_t nsec = 0, unit = 100000000;

    attributes->has_mtime = false;
    if (value.bytes == 0)
        return 0;
    if (negative)
        value.at++, value.bytes--;
    if (!digits_take(&value, &seconds) || seconds >= INT64_MAX)
        return -EINVAL;
    if (value.bytes > 0 && *value.at == '.')
        for (value.at++, value.bytes--; value.bytes > 0; value.at++, value.bytes--) {
            if (*value.at < '0' || *value.at > '9')
                return -EINVAL;
            nsec += unit * (uint32_t)(*value.at - '0');
            unit /= 10;
        }
    if (value.bytes != 0)
        return -EINVAL;
    attributes->mtime_sec = negative ? -(int64_t)seconds - (nsec > 0) : (int64_t)seconds;
    attributes->mtime_nsec = negative && nsec > 0 ? 1000000000u - nsec : nsec;
    attributes->has_mtime = true;
    return 0;
}

static int string_set(struct text value, char **string)
{
    free(*string);
    *string = NULL;
    if (value.bytes == 0)
        return 0;
    if (memchr(value.at, '\0', value.bytes) != NULL)
        return -EINVAL;
    *string = malloc(value.bytes + 1);
    if (*string == NULL)
        return -ENOMEM;
    memcpy(*string, value.at, value.bytes);
    (*string)[value.bytes] = '\0';
    return 0;
}

static int record_apply(struct text key, struct text value, struct tar_attributes *attributes)
{
    if (text_is(key, "path"))
        return string_set(value, &attributes->path);
    if (text_is(key, "linkpath"))
        return string_set(value, &attributes->linkpath);
    if (text_is(key, "size"))
        return number_set(value, &attributes->size, &attributes->has_size);
    if (text_is(key, "uid"))
        return number_set(value, &attributes->uid, &attributes->has_uid);
    if (text_is(key, "gid"))
        return number_set(value, &attributes->gid, &attributes->has_gid);
    if (text_is(key, "mtime"))
        return time_set(value, attributes);
    if (text_begins(key, "GNU.sparse."))
        attributes->is_sparse = true;
    if (text_is(key, "GNU.sparse.name")) /* the real name; `path` is one that GNU tar made up */
        return string_set(value, &attributes->path);
    return 0;
}

int tar_pax_parse(const char *text, size_t bytes, struct tar_attributes *attributes)
{
    while (bytes > 0) {
        struct text rest = {text, bytes};
        uint64_t length;

        if (!digits_take(&rest, &length) || length > bytes || rest.bytes == 0 || *rest.at != ' ')
            return -EINVAL;
        const char *end = text + length; /* one past the record's newline */
        rest.at++;
        if (rest.at >= end || end[-1] != '\n')
            return -EINVAL;
        const char *equals = memchr(rest.at, '=', (size_t)(end - rest.at));
        if (equals == NULL || equals == rest.at)
            return -EINVAL;
        struct text key = {rest.at, (size_t)(equals - rest.at)};
        struct text value = {equals + 1, (size_t)(end - 1 - (equals + 1))};
        int result = record_apply(key, value, attributes);
        if (result != 0)
            return result;
        text = end;
        bytes -= (size_t)length;
    }
    return 0;
}

void tar_attributes_clear(struct tar_attributes *attributes)
{
    free(attributes->path);
    free(attributes->linkpath);
    memset(attributes, 0, sizeof(*attributes));
}
