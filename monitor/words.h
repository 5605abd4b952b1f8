/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growing text and growing lists of words, for command lines. Running out of memory is remembered
 * in `failed`, so that a caller asks once, at the end. Used by the launchers; pure code.
 */
#ifndef MONITOR_WORDS_H
#define MONITOR_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *bytes; /* owned, NUL-terminated once anything was added; freed by text_free */
    size_t length, capacity;
    bool failed;
};

void text_add(struct text *text, const void *bytes, size_t count);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

/* Adds one word so that a POSIX shell reads it back as it is. */
void text_add_shell_word(struct text *text, const char *word);

struct words {
    char **items; /* owned, ends with NULL once anything was added; freed by words_free */
    size_t count, capacity;
    bool failed;
};

void words_add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_free(struct words *words);

#endif
