/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes one JSON text into memory: for --stats. The caller opens and closes objects and arrays in
 * order; commas are placed here. Running out of memory is remembered and makes the text NULL.
 */
#ifndef MONITOR_JSON_H
#define MONITOR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char *text; /* owned; freed by json_free */
    size_t length, capacity;
    bool comma; /* the next member needs one before it */
    bool failed;
};

/* `name` is NULL for the outermost value and for elements of an array. */
void json_open_object(struct json *json, const char *name);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *name);
void json_close_array(struct json *json);
void json_u64(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);
void json_string(struct json *json, const char *name, const char *value);

/* The finished text, or NULL when memory ran out. */
const char *json_text(struct json *json);
void json_free(struct json *json);

#endif
