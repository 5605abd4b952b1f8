/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON writer: appends to one growing buffer. Used by stats.c and the devices' counters. */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct json *json, const char *bytes, size_t count)
{
    if (json->failed)
        return;
    if (json->capacity - json->length <= count) {
        size_t capacity = json->capacity * 2 + count + 1024;
        char *text = realloc(json->text, capacity);
        if (!text) {
            json->failed = true;
            return;
        }
        json->text = text;
        json->capacity = capacity;
    }
    memcpy(json->text + json->length, bytes, count);
    json->length += count;
    json->text[json->length] = 0;
}

static void append_quoted(struct json *json, const char *string)
{
    append(json, "\"", 1);
    for (const char *at = string; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        char escaped[8];
        int length;
        if (byte == '"' || byte == '\\')
            length = snprintf(escaped, sizeof escaped, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            length = snprintf(escaped, sizeof escaped, "\\u%04x", byte);
        else
            length = snprintf(escaped, sizeof escaped, "%c", byte);
        append(json, escaped, (size_t)length);
    }
    append(json, "\"", 1);
}

static void begin_value(struct json *json, const char *name)
{
    if (json->comma)
        append(json, ",", 1);
    if (name) {
        append_quoted(json, name);
        append(json, ":", 1);
    }
    json->comma = true;
}

static void open_with(struct json *json, const char *name, const char *bracket)
{
    begin_value(json, name);
    append(json, bracket, 1);
    json->comma = false;
}

static void close_with(struct json *json, const char *bracket)
{
    append(json, bracket, 1);
    json->comma = true;
}

void json_open_object(struct json *json, const char *name)
{
    open_with(json, name, "{");
}

void json_close_object(struct json *json)
{
    close_with(json, "}");
}

void json_open_array(struct json *json, const char *name)
{
    open_with(json, name, "[");
}

void json_close_array(struct json *json)
{
    close_with(json, "]");
}

void json_u64(struct json *json, const char *name, uint64_t value)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, value);
    begin_value(json, name);
    append(json, digits, (size_t)length);
}

void json_bool(struct json *json, const char *name, bool value)
{
    begin_value(json, name);
    append(json, value ? "true" : "false", value ? 4 : 5);
}

void json_string(struct json *json, const char *name, const char *value)
{
    begin_value(json, name);
    append_quoted(json, value);
}

const char *json_text(struct json *json)
{
    return json->failed ? NULL : json->text;
}

void json_free(struct json *json)
{
    free(json->text);
    *json = (struct json){0};
}
