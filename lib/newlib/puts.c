/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * puts, in place of libc.a's. A line to the console before the program has used stdio otherwise goes
 * out at once, as a line-buffered stream without text would send it: the streams are not set up for
 * it, nor flushed at the end. Everything else takes stdio's way. Any thread.
 */
#include <reent.h>
#include <stdio.h>

#include "fd.h"
#include "kernel/console.h"

#define LINE_BYTES 256u /* on the stack; longer lines take stdio's way, too */

/* Has the whole line gone out? */
static bool put_at_once(const char *text)
{
    char line[LINE_BYTES];
    size_t bytes = 0, sent = 0;

    while (text[bytes] != '\0') {
        line[bytes] = text[bytes];
        if (++bytes == sizeof line)
            return false;
    }
    line[bytes++] = '\n';
    while (sent < bytes) {
        long written = console_write(PV_STDOUT, line + sent, bytes - sent);
        if (written <= 0)
            return false;
        sent += (size_t)written;
    }
    return true;
}

int puts(const char *text)
{
    if (!__stdio_exit_handler && fd_console_output() && put_at_once(text)) {
        fd_console_spoken = true;
        return '\n';
    }
    flockfile(stdout);
    int result = fputs(text, stdout) < 0 ? EOF : fputs("\n", stdout);
    funlockfile(stdout);
    return result;
}
