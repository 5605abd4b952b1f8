/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's log (one line a call, to the host's log channel), its formatter, and panic. */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdarg.h>
#include <stddef.h>

/* A subset of printf: %s %c %d %i %u %x %p %%, with l, ll, z, widths, 0 and -. Returns the length
 * it would have had; always terminates when bytes > 0. */
int format_line(char *out, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int format_line_v(char *out, size_t bytes, const char *format, va_list arguments);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the VM: message, backtrace, status 134. Any context, also within a panic. */
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* States what must be true if our own code is right. */
#define kassert(condition)                                                        \
    do {                                                                          \
        if (!(condition))                                                         \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition); \
    } while (0)

#endif
