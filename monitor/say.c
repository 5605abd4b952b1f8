/* SPDX-License-Identifier: BSD-2-Clause */
/* See say.h. Plain write, no stdio buffers: it works after the sandbox is closed, on any thread. */
#include "say.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define PATIENCE_MS 2000 /* for a reader of standard error that does not read */

/* A pipe that is full must not keep the VM from ending: what does not go out in time is dropped, and
 * what follows is not waited for until something goes out again. A line fits into what poll promises of
 * a pipe (PIPE_BUF). */
static void write_all(const char *text, size_t length)
{
    static _Atomic int patience_ms = PATIENCE_MS;

    while (length > 0) {
        struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
        int ready = poll(&out, 1, patience_ms);
        if (ready == 0) {
            patience_ms = 0;
            return;
        }
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0) {
            patience_ms = PATIENCE_MS;
            text += written;
            length -= (size_t)written;
        }
    }
}

static size_t clamp(int printed, size_t room)
{
    if (printed < 0)
        return 0;
    return (size_t)printed < room ? (size_t)printed : room - 1;
}

void say(const char *format, ...)
{
    char line[LINE_MAX_BYTES] = "coracle: ";
    size_t length = strlen(line);
    va_list arguments;

    va_start(arguments, format);
    length += clamp(vsnprintf(line + length, sizeof line - length, format, arguments),
                    sizeof line - length);
    va_end(arguments);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    if (length == sizeof line - 1)
        length--;
    line[length++] = '\n';
    write_all(line, length);
}

void say_raw(const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list arguments;

    va_start(arguments, format);
    size_t length = clamp(vsnprintf(text, sizeof text, format, arguments), sizeof text);
    va_end(arguments);
    write_all(text, length);
}
