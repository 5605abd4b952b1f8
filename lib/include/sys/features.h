/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says which parts of POSIX Coracle has: newlib's own <sys/features.h> knows this for a handful of
 * systems only, and hides threads, timers and the rest everywhere else. Found before newlib's by
 * newlib's build and by every program; unistd.h's users see the same macros (POSIX.1-2017,
 * "Constants for Options and Option Groups").
 */
#ifndef _CORACLE_SYS_FEATURES_H
#define _CORACLE_SYS_FEATURES_H

#include_next <sys/features.h>

#define _POSIX_VERSION 200809L
#define _POSIX_BARRIERS 200809L
#define _POSIX_CLOCK_SELECTION 200809L
#define _POSIX_FSYNC 200809L
#define _POSIX_IPV6 200809L
#define _POSIX_MONOTONIC_CLOCK 200809L
#define _POSIX_NO_TRUNC 1
#define _POSIX_READER_WRITER_LOCKS 200809L
#define _POSIX_SPIN_LOCKS 200809L
#define _POSIX_THREAD_ATTR_STACKSIZE 200809L
#define _POSIX_THREAD_SAFE_FUNCTIONS 200809L
#define _POSIX_TIMEOUTS 200809L
#define _POSIX_TIMERS 200809L
/*
 * Not while libc.a itself is compiled: there it means that threads can be cancelled inside stdio,
 * and costs two calls in each of its functions. Coracle's threads cannot be cancelled.
 */
#ifndef __CORACLE_BUILDING_LIBC
#define _POSIX_THREADS 200809L
#endif
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES 1

/* read() and write() return ssize_t; newlib's default is int. */
#define _READ_WRITE_RETURN_TYPE _ssize_t

/* Descriptors that fit an fd_set; newlib's default is 64. */
#ifndef FD_SETSIZE
#define FD_SETSIZE 1024
#endif

#endif
