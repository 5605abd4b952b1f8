/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pthreads are made of here: the real structures behind the opaque types of
 * sys/_pthreadtypes.h, laid over them. All zeros is the initial state of each.
 */
#ifndef INTERNAL_THREADS_H
#define INTERNAL_THREADS_H

#include <pthread.h>

#include "kernel/sync.h"

struct posix_mutex {
    int type;       /* first: PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP sets it */
    unsigned depth; /* further locks of a recursive mutex by its owner */
    struct mutex mutex;
};
_Static_assert(sizeof(struct posix_mutex) <= sizeof(pthread_mutex_t), "pthread_mutex_t");

struct posix_cond {
    struct cond cond;
    clockid_t clock; /* 0: CLOCK_REALTIME */
};
_Static_assert(sizeof(struct posix_cond) <= sizeof(pthread_cond_t), "pthread_cond_t");

static inline struct posix_mutex *mutex_of(pthread_mutex_t *mutex)
{
    return (struct posix_mutex *)(void *)mutex;
}

static inline struct posix_cond *cond_of(pthread_cond_t *cond)
{
    return (struct posix_cond *)(void *)cond;
}

/* Runs the destructors of the calling thread's keys (posix/pthread_key.c), when keys are linked. */
void keys_destroy(void) __attribute__((weak));

#endif
