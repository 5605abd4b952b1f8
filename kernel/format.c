/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's own small printf (kernel/log.h). Relies on nothing; any context, also in a panic. */
#include <stdbool.h>
#include <stdint.h>

#include "kernel/log.h"

struct output {
    char *at;
    size_t bytes;  /* room, the terminator's included */
    size_t length; /* as if there were no limit */
};

struct field {
    bool left, zero;
    unsigned width;
    unsigned longs; /* 1 for l and z, 2 for ll */
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->bytes)
        out->at[out->length] = c;
    out->length++;
}

static void put_padding(struct output *out, char c, size_t used, unsigned width)
{
    for (; used < width; used++)
        put(out, c);
}

static void put_text(struct output *out, const struct field *field, const char *text, size_t length)
{
    if (!field->left)
        put_padding(out, ' ', length, field->width);
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
    if (field->left)
        put_padding(out, ' ', length, field->width);
}

static void put_number(struct output *out, const struct field *field, uint64_t value, unsigned base,
                       const char *prefix)
{
    char digits[24];
    size_t start = sizeof(digits), length;

    do {
        digits[--start] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    length = sizeof(digits) - start;
    for (const char *p = prefix; *p != '\0'; p++)
        length++;

    if (!field->left && !field->zero)
        put_padding(out, ' ', length, field->width);
    for (; *prefix != '\0'; prefix++)
        put(out, *prefix);
    if (!field->left && field->zero)
        put_padding(out, '0', length, field->width);
    while (start < sizeof(digits))
        put(out, digits[start++]);
    if (field->left)
        put_padding(out, ' ', length, field->width);
}

/* Flags, width and length modifiers; returns what follows them. */
static const char *parse_field(const char *format, struct field *field)
{
    *field = (struct field){0};
    for (;; format++) {
        if (*format == '-')
            field->left = true;
        else if (*format == '0')
            field->zero = true;
        else
            break;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        field->width = field->width * 10 + (unsigned)(*format - '0');
    for (; *format == 'l' || *format == 'z'; format++)
        field->longs++;
    return format;
}

/* Long and long long are the same here; the va_list travels in a struct, as an array could not. */
struct arguments {
    va_list list;
};

static uint64_t next_unsigned(struct arguments *arguments, const struct field *field)
{
    return field->longs != 0 ? va_arg(arguments->list, uint64_t)
                             : va_arg(arguments->list, unsigned);
}

static int64_t next_signed(struct arguments *arguments, const struct field *field)
{
    return field->longs != 0 ? va_arg(arguments->list, int64_t) : va_arg(arguments->list, int);
}

static void put_signed(struct output *out, const struct field *field, int64_t value)
{
    if (value < 0)
        put_number(out, field, 0 - (uint64_t)value, 10, "-");
    else
        put_number(out, field, (uint64_t)value, 10, "");
}

static void put_conversion(struct output *out, char conversion, const struct field *field,
                           struct arguments *arguments)
{
    const char *text;
    char c;

    switch (conversion) {
    case 's':
        text = va_arg(arguments->list, const char *);
        text = text != NULL ? text : "(null)";
        put_text(out, field, text, __builtin_strlen(text));
        break;
    case 'c':
        c = (char)va_arg(arguments->list, int);
        put_text(out, field, &c, 1);
        break;
    case 'd':
    case 'i':
        put_signed(out, field, next_signed(arguments, field));
        break;
    case 'u':
        put_number(out, field, next_unsigned(arguments, field), 10, "");
        break;
    case 'x':
        put_number(out, field, next_unsigned(arguments, field), 16, "");
        break;
    case 'p':
        put_number(out, field, (uintptr_t)va_arg(arguments->list, void *), 16, "0x");
        break;
    default:
        put(out, '%');
        if (conversion != '%')
            put(out, conversion);
        break;
    }
}

int format_line_v(char *out, size_t bytes, const char *format, va_list list)
{
    struct output output = {.at = out, .bytes = bytes};
    struct arguments arguments;
    struct field field;

    va_copy(arguments.list, list);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(&output, *format);
            continue;
        }
        format = parse_field(format + 1, &field);
        if (*format == '\0')
            break;
        put_conversion(&output, *format, &field, &arguments);
    }
    va_end(arguments.list);
    if (bytes > 0)
        out[output.length < bytes ? output.length : bytes - 1] = '\0';
    return (int)output.length;
}

int format_line(char *out, size_t bytes, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = format_line_v(out, bytes, format, arguments);
    va_end(arguments);
    return length;
}
