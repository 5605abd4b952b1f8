/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits where Coracle's differ from newlib's defaults, or newlib has none. Behind <limits.h>. */
#ifndef _CORACLE_SYS_SYSLIMITS_H
#define _CORACLE_SYS_SYSLIMITS_H

#include_next <sys/syslimits.h>

#undef OPEN_MAX
#define OPEN_MAX 16384
#undef PIPE_BUF
#define PIPE_BUF 4096
#define SSIZE_MAX __LONG_MAX__
#define SYMLINK_MAX 1023
#define SYMLOOP_MAX 16
#define HOST_NAME_MAX 64
#define TTY_NAME_MAX 32
#define LOGIN_NAME_MAX 32

#define PTHREAD_KEYS_MAX 128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#define PTHREAD_THREADS_MAX 32767
#define SEM_VALUE_MAX 0x7fffffff

#endif
