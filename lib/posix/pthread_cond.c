/* SPDX-License-Identifier: BSD-2-Clause */
/* Condition variables. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "threads.h"
#include "timespec.h"

/* A recursive mutex is given up whatever its depth, and comes back with the same. */
static int wait_until(struct posix_cond *cond, pthread_mutex_t *opaque, uint64_t deadline_ns)
{
    struct posix_mutex *mutex = mutex_of(opaque);
    if (!mutex_held(&mutex->mutex))
        return EPERM;
    unsigned depth = mutex->depth;
    mutex->depth = 0;
    int result = cond_wait_until(&cond->cond, &mutex->mutex, deadline_ns);
    mutex->depth = depth;
    return -result;
}

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    memset(cond, 0, sizeof *cond);
    if (attributes)
        cond_of(cond)->clock = attributes->__clock;
    return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
    return waitq_empty(&cond_of(cond)->cond.waiters) ? 0 : EBUSY;
}

int pthread_cond_signal(pthread_cond_t *cond)
{
    cond_signal(&cond_of(cond)->cond);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
    cond_broadcast(&cond_of(cond)->cond);
    return 0;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return wait_until(cond_of(cond), mutex, NO_DEADLINE);
}

int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict time)
{
    uint64_t deadline;
    int result = deadline_at(clock, time, &deadline);
    return result < 0 ? -result : wait_until(cond_of(cond), mutex, deadline);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *time)
{
    clockid_t clock = cond_of(cond)->clock ? cond_of(cond)->clock : CLOCK_REALTIME;
    return pthread_cond_clockwait(cond, mutex, clock, time);
}

int pthread_condattr_init(pthread_condattr_t *attributes)
{
    memset(attributes, 0, sizeof *attributes);
    return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    attributes->__clock = clock;
    return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *restrict attributes,
                              clockid_t *restrict clock)
{
    *clock = attributes->__clock ? attributes->__clock : CLOCK_REALTIME;
    return 0;
}

int pthread_condattr_setpshared(pthread_condattr_t *attributes, int shared)
{
    if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
        return EINVAL;
    attributes->__shared = shared;
    return 0;
}

int pthread_condattr_getpshared(const pthread_condattr_t *attributes, int *shared)
{
    *shared = attributes->__shared;
    return 0;
}
