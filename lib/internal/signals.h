/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals inside the C library's seam (posix/signal.c). Weak: an image that names no signal
 * function has no handlers and none of the code.
 */
#ifndef INTERNAL_SIGNALS_H
#define INTERNAL_SIGNALS_H

/* Runs the program's handler of a signal, blocked or not; nothing when there is none. */
void signal_run_handler(int signal) __attribute__((weak));

/* The calling thread's mask, which a thread that it creates starts with. */
unsigned long signal_mask(void) __attribute__((weak));
void signal_mask_set(unsigned long mask) __attribute__((weak));

#endif
