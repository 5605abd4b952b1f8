/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways a program ends: exit, _exit, abort, a failed assertion. abort and its relatives end as a
 * crash (status 134) with a backtrace on standard error.
 */
#include <assert.h>
#include <reent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/log.h"
#include "kernel/start.h"
#include "signals.h"

void _exit(int status)
{
    kernel_exit(status & 0xff);
}

/* libc.a's: what atexit registered; and, there when stdio is: a call for each open stream, and a function
 * once there is one. */
extern void __call_exitprocs(int status, void *object);
extern int _fwalk_sglue(struct _reent *, int (*)(struct _reent *, FILE *), struct _glue *)
    __attribute__((weak));
extern struct _glue __sglue __attribute__((weak));
extern void (*__stdio_exit_handler)(void) __attribute__((weak));

static int flush_written(struct _reent *reent, FILE *file)
{
    (void)reent;
    return file->_flags & __SWR && file->_p != file->_bf._base ? fflush(file) : 0;
}

/* In place of libc.a's, which closes all streams: other threads still use them, and one that waits
 * for input holds its stream's lock for as long. What was written goes out, nothing else. */
void exit(int status)
{
    __call_exitprocs(status, NULL);
    if (&__stdio_exit_handler && __stdio_exit_handler)
        _fwalk_sglue(_GLOBAL_REENT, flush_written, &__sglue);
    _exit(status);
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
