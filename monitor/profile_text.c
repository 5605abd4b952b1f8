/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads profiles; see profile_text.h. Text is bytes with a length: the guest's may hold NULs. */
#include "profile_text.h"

#include <string.h>

struct cursor {
    const char *at, *end;
};

static bool take_word(struct cursor *cursor, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

static unsigned digit_of(char byte)
{
    if (byte >= '0' && byte <= '9')
        return (unsigned)(byte - '0');
    return byte >= 'a' && byte <= 'f' ? (unsigned)(byte - 'a') + 10 : 16;
}

static bool take_number(struct cursor *cursor, unsigned base, uint64_t limit, uint64_t *value)
{
    const char *first = cursor->at;
    uint64_t result = 0;

    for (; cursor->at < cursor->end && digit_of(*cursor->at) < base; cursor->at++) {
        uint64_t digit = digit_of(*cursor->at);
        if (result > (limit - digit) / base)
            return false;
        result = result * base + digit;
    }
    *value = result;
    return cursor->at > first;
}

static bool take_u32(struct cursor *cursor, unsigned base, uint32_t *value)
{
    uint64_t wide = 0;
    bool taken = take_number(cursor, base, UINT32_MAX, &wide);

    *value = (uint32_t)wide;
    return taken;
}

static bool take_count(struct cursor *cursor, uint32_t *count)
{
    return take_u32(cursor, 10, count) && *count > 0;
}

static bool take_thread(struct cursor *cursor, struct profile_line *line)
{
    size_t length = (size_t)(cursor->end - cursor->at);

    if (length >= PROFILE_THREAD_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (cursor->at[i] < ' ' || cursor->at[i] > '~')
            return false;
    memcpy(line->thread, cursor->at, length);
    line->thread[length] = 0;
    return true;
}

static bool take_stack(struct cursor *cursor, struct profile_line *line)
{
    if (!take_count(cursor, &line->count) || !take_word(cursor, " ") ||
        !take_u32(cursor, 16, &line->pc) || !take_word(cursor, " ") ||
        !take_u32(cursor, 16, &line->top) || !take_word(cursor, " "))
        return false;
    while (!take_word(cursor, "=")) {
        if (line->caller_count == PROFILE_CALLERS_MAX ||
            !take_u32(cursor, 16, &line->callers[line->caller_count]) || !take_word(cursor, " "))
            return false;
        line->caller_count++;
    }
    return take_thread(cursor, line);
}

bool profile_line_read(const char *text, size_t length, struct profile_line *line)
{
    struct cursor cursor = {text, text + length};

    *line = (struct profile_line){.kind = PROFILE_STACK};
    if (length > PROFILE_LINE_MAX)
        return false;
    if (take_word(&cursor, "stack "))
        return take_stack(&cursor, line);
    line->kind = PROFILE_IDLE;
    if (!take_word(&cursor, "idle ")) {
        line->kind = PROFILE_LOST;
        if (!take_word(&cursor, "lost "))
            return false;
    }
    return take_count(&cursor, &line->count) && cursor.at == cursor.end;
}

/* The next line; false: there is no whole one. */
static bool next_line(struct profile_reader *reader, struct cursor *line)
{
    size_t left = (size_t)(reader->end - reader->at);
    const char *newline = left ? memchr(reader->at, '\n', left) : NULL;

    if (!newline)
        return false;
    *line = (struct cursor){reader->at, newline};
    reader->at = newline + 1;
    return true;
}

enum profile_result profile_read_head(struct profile_reader *reader, const char *text,
                                      size_t length)
{
    struct cursor line;

    *reader = (struct profile_reader){.at = text, .end = text + length};
    if (!next_line(reader, &line))
        return length && length <= strlen(PROFILE_FIRST_LINE) &&
                       !memcmp(text, PROFILE_FIRST_LINE, length)
                   ? PROFILE_SHORT
                   : PROFILE_FOREIGN;
    if (!take_word(&line, PROFILE_FIRST_LINE) || line.at != line.end)
        return PROFILE_FOREIGN;
    if (!next_line(reader, &line))
        return PROFILE_SHORT;
    if (!take_word(&line, "image ") ||
        !take_number(&line, 16, UINT64_MAX, &reader->head.image_hash) || line.at != line.end)
        return PROFILE_DAMAGED;
    if (!next_line(reader, &line))
        return PROFILE_SHORT;
    if (!take_word(&line, "rate ") || !take_count(&line, &reader->head.rate) || line.at != line.end)
        return PROFILE_DAMAGED;
    return PROFILE_OK;
}

enum profile_result profile_read_next(struct profile_reader *reader, struct profile_line *line)
{
    struct cursor at;

    while (next_line(reader, &at)) {
        size_t length = (size_t)(at.end - at.at);
        if (reader->ended)
            return PROFILE_DAMAGED;
        if (profile_line_read(at.at, length, line))
            return PROFILE_OK;
        if (take_word(&at, "cut ") && take_number(&at, 10, UINT64_MAX, &reader->cut) &&
            at.at == at.end)
            continue;
        if (length != 3 || memcmp(at.at, "end", 3) != 0)
            return PROFILE_DAMAGED;
        reader->ended = true;
    }
    if (!reader->ended)
        return PROFILE_SHORT;
    return reader->at == reader->end ? PROFILE_DONE : PROFILE_DAMAGED;
}
