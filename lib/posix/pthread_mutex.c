/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes: normal, recursive, error checking. A thread that locks a normal mutex twice ends the
 * program with the kernel's complaint rather than hanging for ever.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "threads.h"
#include "timespec.h"

/* The caller has the mutex already: recursive ones count, error checking ones say no. -1: the mutex
 * is normal and the caller has to take its chance. */
static int relock(struct posix_mutex *mutex, int error)
{
    if (mutex->type == PTHREAD_MUTEX_NORMAL)
        return -1;
    if (mutex->type != PTHREAD_MUTEX_RECURSIVE)
        return error;
    if (mutex->depth == UINT32_MAX)
        return EAGAIN;
    mutex->depth++;
    return 0;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    memset(mutex, 0, sizeof *mutex);
    mutex_of(mutex)->type = attributes ? attributes->__type : PTHREAD_MUTEX_DEFAULT;
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return mutex_of(mutex)->mutex.owner ? EBUSY : 0;
}

int pthread_mutex_lock(pthread_mutex_t *opaque)
{
    struct posix_mutex *mutex = mutex_of(opaque);
    if (mutex->type != PTHREAD_MUTEX_NORMAL && mutex_held(&mutex->mutex))
        return relock(mutex, EDEADLK);
    mutex_lock(&mutex->mutex);
    return 0;
}

int pthread_mutex_trylock(pthread_mutex_t *opaque)
{
    struct posix_mutex *mutex = mutex_of(opaque);
    if (mutex_held(&mutex->mutex)) {
        int error = relock(mutex, EBUSY);
        return error < 0 ? EBUSY : error;
    }
    return mutex_try(&mutex->mutex) ? 0 : EBUSY;
}

int pthread_mutex_clocklock(pthread_mutex_t *restrict opaque, clockid_t clock,
                            const struct timespec *restrict time)
{
    struct posix_mutex *mutex = mutex_of(opaque);
    if (pthread_mutex_trylock(opaque) == 0)
        return 0;
    uint64_t deadline;
    int result = deadline_at(clock, time, &deadline);
    if (result < 0)
        return -result;
    if (mutex_held(&mutex->mutex) && mutex->type != PTHREAD_MUTEX_NORMAL)
        return relock(mutex, EDEADLK);
    if (mutex_held(&mutex->mutex)) {
        thread_sleep_until(deadline);
        return ETIMEDOUT;
    }
    return -mutex_lock_until(&mutex->mutex, deadline);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *time)
{
    return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, time);
}

int pthread_mutex_unlock(pthread_mutex_t *opaque)
{
    struct posix_mutex *mutex = mutex_of(opaque);
    if (mutex->type != PTHREAD_MUTEX_NORMAL) {
        if (!mutex_held(&mutex->mutex))
            return EPERM;
        if (mutex->depth > 0) {
            mutex->depth--;
            return 0;
        }
    }
    mutex_unlock(&mutex->mutex);
    return 0;
}

int pthread_mutexattr_init(pthread_mutexattr_t *attributes)
{
    memset(attributes, 0, sizeof *attributes);
    return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attributes, int type)
{
    if (type != PTHREAD_MUTEX_NORMAL && type != PTHREAD_MUTEX_RECURSIVE &&
        type != PTHREAD_MUTEX_ERRORCHECK)
        return EINVAL;
    attributes->__type = type;
    return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *attributes, int *type)
{
    *type = attributes->__type;
    return 0;
}

int pthread_mutexattr_setpshared(pthread_mutexattr_t *attributes, int shared)
{
    if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
        return EINVAL;
    attributes->__shared = shared;
    return 0;
}

int pthread_mutexattr_getpshared(const pthread_mutexattr_t *attributes, int *shared)
{
    *shared = attributes->__shared;
    return 0;
}
