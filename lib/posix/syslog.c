/* SPDX-License-Identifier: BSD-2-Clause */
/* syslog: each message is one line on the host's log channel; facilities are not told apart. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "kernel/log.h"

#define LINE_BYTES 512

static struct {
    const char *name;
    int options;
    int mask;
} settings = {.mask = LOG_UPTO(LOG_DEBUG)};

void openlog(const char *name, int options, int facility)
{
    (void)facility;
    settings.name = name;
    settings.options = options;
}

void closelog(void)
{
    settings.name = NULL;
    settings.options = 0;
}

int setlogmask(int mask)
{
    int before = settings.mask;
    if (mask != 0)
        settings.mask = mask;
    return before;
}

/* Copies the format with each %m replaced by the text of an error; what does not fit is cut. */
static void format_expand(char *out, size_t bytes, const char *format, int error)
{
    const char *text = strerror(error);
    size_t length = 0, text_length = strlen(text);
    for (; *format && length + 2 < bytes; format++) {
        if (format[0] == '%' && format[1] == 'm' && length + text_length < bytes) {
            memcpy(out + length, text, text_length);
            length += text_length;
            format++;
            continue;
        }
        out[length++] = *format;
        if (format[0] == '%' && format[1] != '\0')
            out[length++] = *++format;
    }
    out[length] = '\0';
}

void vsyslog(int priority, const char *format, va_list arguments)
{
    char line[LINE_BYTES], expanded[LINE_BYTES];
    int length = 0, error = errno;
    if (!(settings.mask & LOG_MASK(LOG_PRI(priority))))
        return;
    if (settings.name && (settings.options & LOG_PID))
        length = snprintf(line, sizeof line, "%s[%d]: ", settings.name, getpid());
    else if (settings.name)
        length = snprintf(line, sizeof line, "%s: ", settings.name);
    if (length >= (int)sizeof line)
        length = 0;
    format_expand(expanded, sizeof expanded, format, error);
    vsnprintf(line + length, sizeof line - (size_t)length, expanded, arguments);
    size_t end = strlen(line);
    while (end > 0 && line[end - 1] == '\n')
        line[--end] = '\0';
    log_line("%s", line);
    if (settings.options & LOG_PERROR)
        dprintf(STDERR_FILENO, "%s\n", line);
}

void syslog(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}
