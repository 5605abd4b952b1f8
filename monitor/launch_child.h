/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a VMM as a child of this process, its channels over pipes. For launch_run.c only.
 */
#ifndef MONITOR_LAUNCH_CHILD_H
#define MONITOR_LAUNCH_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* The guest's channels (launch_run_channels names them to the child) and the VMM's own words. */
enum { LAUNCH_OUT, LAUNCH_ERR, LAUNCH_LOG, LAUNCH_WORDS, LAUNCH_STREAM_COUNT };

/*
 * Runs `words` with the signal mask `signals` and the standard input `input` (a descriptor from 32 on,
 * or negative: none); the kernel kills it when this process dies. With `one_console` it lives on then,
 * and has no channels: they end at once. `from` gets the descriptors to read the
 * streams from, the caller's to close (-1: none was made). 0 once the program runs, else a negative
 * errno: why it does not.
 */
int launch_child_start(char *const *words, int input, bool one_console, const sigset_t *signals,
                       int from[LAUNCH_STREAM_COUNT], pid_t *pid);

#endif
