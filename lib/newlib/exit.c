/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways a program ends: _exit, abort, a failed assertion, a smashed stack. exit() itself is
 * newlib's. abort and its relatives end as a crash (status 134) with a backtrace on standard error.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/log.h"
#include "kernel/start.h"
#include "signals.h"

void _exit(int status)
{
    kernel_exit(status & 0xff);
}

void abort(void)
{
    /* A handler may leave through longjmp; when it returns, the program still ends. */
    if (signal_run_handler)
        signal_run_handler(SIGABRT);
    panic("the program called abort");
}

void __assert_func(const char *file, int line, const char *function, const char *expression)
{
    char text[256];
    int length = format_line(text, sizeof text, "%s:%d:%s%s%s assertion failed: %s\n", file, line,
                             function ? " " : "", function ? function : "", function ? ":" : "",
                             expression);
    if (length >= (int)sizeof text) {
        length = sizeof text - 1;
        text[length - 1] = '\n';
    }
    write(STDERR_FILENO, text, (size_t)length);
    abort();
}

void __assert(const char *file, int line, const char *expression)
{
    __assert_func(file, line, NULL, expression);
}
