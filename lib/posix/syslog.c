/* SPDX-License-Identifier: BSD-2-Clause */
/* syslog: each message is one line on the host's log channel; facilities are not told apart. */
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

void vsyslog(int priority, const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    int length = 0;
    if (!(settings.mask & LOG_MASK(LOG_PRI(priority))))
        return;
    if (settings.name && (settings.options & LOG_PID))
        length = snprintf(line, sizeof line, "%s[%d]: ", settings.name, getpid());
    else if (settings.name)
        length = snprintf(line, sizeof line, "%s: ", settings.name);
    if (length >= (int)sizeof line)
        length = 0;
    vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
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
