/* SPDX-License-Identifier: BSD-2-Clause */
/* One line a call to the host's log channel. Any context. */
#include "kernel/log.h"

#include "pvabi/pv.h"

#define LINE_BYTES 256u

void log_line(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = (size_t)format_line_v(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > sizeof(line) - 1)
        length = sizeof(line) - 1;
    line[length] = '\n'; /* in the terminator's place: the write counts bytes */
    pv->write(PV_LOG, line, length + 1);
}
