/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor's words to its user: one line each, on standard error. */
#ifndef MONITOR_SAY_H
#define MONITOR_SAY_H

/* Exit statuses of the command (docs/coracle.1). */
#define STATUS_USAGE 2
#define STATUS_TIMEOUT 124
#define STATUS_MONITOR 125
#define STATUS_INTERRUPTED 130
#define STATUS_CRASH 134
#define STATUS_TERMINATED 143

/* Writes "coracle: ...\n" in one write. Control characters are shown as '?'. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes text as it is, for lines that belong together (a crash report). */
void say_raw(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
