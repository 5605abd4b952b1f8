/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing text and lists of words; see words.h. */
#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text *text, const void *bytes, size_t count)
{
    if (text->failed)
        return;
    if (text->capacity - text->length <= count) {
        size_t capacity = text->capacity * 2 + count + 256;
        char *grown = realloc(text->bytes, capacity);
        if (!grown) {
            text->failed = true;
            return;
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = 0;
}

void text_format(struct text *text, const char *format, ...)
{
    char *made = NULL;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&made, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text->failed = true;
        return;
    }
    text_add(text, made, (size_t)length);
    free(made);
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

void text_add_shell_word(struct text *text, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

    if (*word && word[strspn(word, plain)] == 0) {
        text_add(text, word, strlen(word));
        return;
    }
    text_add(text, "'", 1);
    for (; *word; word++) {
        if (*word == '\'')
            text_add(text, "'\\''", 4);
        else
            text_add(text, word, 1);
    }
    text_add(text, "'", 1);
}

void words_add(struct words *words, const char *format, ...)
{
    va_list arguments;

    if (words->failed)
        return;
    if (words->capacity - words->count < 2) {
        size_t capacity = words->capacity * 2 + 32;
        char **grown = realloc(words->items, capacity * sizeof *grown);
        if (!grown) {
            words->failed = true;
            return;
        }
        words->items = grown;
        words->capacity = capacity;
    }
    va_start(arguments, format);
    int length = vasprintf(&words->items[words->count], format, arguments);
    va_end(arguments);
    if (length < 0)
        words->failed = true;
    else
        words->count++;
    words->items[words->count] = NULL;
}

void words_free(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){0};
}
