/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read-write locks. Readers get in whenever no writer is inside, also past waiting writers, so that
 * a thread may take a read lock twice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "kernel/thread.h"
#include "threads.h"
#include "timespec.h"

struct rwlock {
    struct mutex lock;
    struct cond changed; /* waiting readers and writers */
    struct thread *writer;
    unsigned readers;
    unsigned waiting;
};
_Static_assert(sizeof(struct rwlock) <= sizeof(pthread_rwlock_t), "pthread_rwlock_t");

static struct rwlock *rwlock_of(pthread_rwlock_t *opaque)
{
    return (struct rwlock *)(void *)opaque;
}

static bool rwlock_blocked(const struct rwlock *rwlock, bool for_writing)
{
    return rwlock->writer || (for_writing && rwlock->readers > 0);
}

/* Deadline 0: does not wait, EBUSY. */
static int rwlock_take(pthread_rwlock_t *opaque, bool for_writing, uint64_t deadline_ns)
{
    struct rwlock *rwlock = rwlock_of(opaque);
    int result = 0;
    mutex_lock(&rwlock->lock);
    if (rwlock_blocked(rwlock, for_writing)) {
        if (deadline_ns == 0)
            result = -EBUSY;
        else if (rwlock->writer == thread_self())
            result = -EDEADLK;
    }
    rwlock->waiting++;
    while (result == 0 && rwlock_blocked(rwlock, for_writing))
        result = cond_wait_until(&rwlock->changed, &rwlock->lock, deadline_ns);
    rwlock->waiting--;
    if (result == -ETIMEDOUT && !rwlock_blocked(rwlock, for_writing))
        result = 0;
    if (result == 0 && for_writing)
        rwlock->writer = thread_self();
    else if (result == 0)
        rwlock->readers++;
    mutex_unlock(&rwlock->lock);
    return -result;
}

static int rwlock_take_by(pthread_rwlock_t *rwlock, bool for_writing, clockid_t clock,
                          const struct timespec *time)
{
    int error = rwlock_take(rwlock, for_writing, 0);
    if (error != EBUSY)
        return error;
    uint64_t deadline;
    int result = deadline_at(clock, time, &deadline);
    return result < 0 ? -result : rwlock_take(rwlock, for_writing, deadline ? deadline : 1);
}

int pthread_rwlock_init(pthread_rwlock_t *rwlock, const pthread_rwlockattr_t *attributes)
{
    (void)attributes;
    memset(rwlock, 0, sizeof *rwlock);
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *rwlock)
{
    return rwlock_blocked(rwlock_of(rwlock), true) ? EBUSY : 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *rwlock)
{
    return rwlock_take(rwlock, false, NO_DEADLINE);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *rwlock)
{
    return rwlock_take(rwlock, false, 0);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *rwlock, const struct timespec *time)
{
    return rwlock_take_by(rwlock, false, CLOCK_REALTIME, time);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict rwlock, clockid_t clock,
                               const struct timespec *restrict time)
{
    return rwlock_take_by(rwlock, false, clock, time);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *rwlock)
{
    return rwlock_take(rwlock, true, NO_DEADLINE);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *rwlock)
{
    return rwlock_take(rwlock, true, 0);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *rwlock, const struct timespec *time)
{
    return rwlock_take_by(rwlock, true, CLOCK_REALTIME, time);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict rwlock, clockid_t clock,
                               const struct timespec *restrict time)
{
    return rwlock_take_by(rwlock, true, clock, time);
}

int pthread_rwlock_unlock(pthread_rwlock_t *opaque)
{
    struct rwlock *rwlock = rwlock_of(opaque);
    int result = 0;
    mutex_lock(&rwlock->lock);
    if (rwlock->writer == thread_self())
        rwlock->writer = NULL;
    else if (rwlock->readers > 0)
        rwlock->readers--;
    else
        result = EPERM;
    if (rwlock->waiting > 0 && rwlock->readers == 0)
        cond_broadcast(&rwlock->changed);
    mutex_unlock(&rwlock->lock);
    return result;
}

int pthread_rwlockattr_init(pthread_rwlockattr_t *attributes)
{
    memset(attributes, 0, sizeof *attributes);
    return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_rwlockattr_setpshared(pthread_rwlockattr_t *attributes, int shared)
{
    if (shared != PTHREAD_PROCESS_PRIVATE && shared != PTHREAD_PROCESS_SHARED)
        return EINVAL;
    attributes->__shared = shared;
    return 0;
}

int pthread_rwlockattr_getpshared(const pthread_rwlockattr_t *attributes, int *shared)
{
    *shared = attributes->__shared;
    return 0;
}
