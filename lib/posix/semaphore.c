/* SPDX-License-Identifier: BSD-2-Clause */
/* Semaphores: a count under a mutex with a queue of waiters. */
#include <errno.h>
#include <limits.h>
#include <semaphore.h>
#include <string.h>

#include "file.h"
#include "timespec.h"

struct semaphore {
    struct mutex lock;
    struct waitq waiters;
    unsigned value;
};
_Static_assert(sizeof(struct semaphore) <= sizeof(sem_t), "sem_t");

static struct semaphore *semaphore_of(sem_t *opaque)
{
    return (struct semaphore *)(void *)opaque;
}

/* Deadline 0: does not wait, -EAGAIN. */
static int semaphore_take(struct semaphore *semaphore, uint64_t deadline_ns)
{
    int result = 0;
    mutex_lock(&semaphore->lock);
    while (semaphore->value == 0 && result == 0)
        result = deadline_ns == 0 ? -EAGAIN
                                  : waitq_wait(&semaphore->waiters, &semaphore->lock, deadline_ns);
    if (semaphore->value > 0) {
        semaphore->value--;
        result = 0;
    }
    mutex_unlock(&semaphore->lock);
    return result;
}

int sem_init(sem_t *opaque, int shared, unsigned value)
{
    (void)shared;
    if (value > SEM_VALUE_MAX)
        return (int)errno_result(-EINVAL);
    memset(opaque, 0, sizeof *opaque);
    semaphore_of(opaque)->value = value;
    return 0;
}

int sem_destroy(sem_t *opaque)
{
    return (int)errno_result(waitq_empty(&semaphore_of(opaque)->waiters) ? 0 : -EBUSY);
}

int sem_post(sem_t *opaque)
{
    struct semaphore *semaphore = semaphore_of(opaque);
    int result = 0;
    mutex_lock(&semaphore->lock);
    if (semaphore->value == SEM_VALUE_MAX)
        result = -EOVERFLOW;
    else
        semaphore->value++;
    waitq_wake(&semaphore->waiters, 1);
    mutex_unlock(&semaphore->lock);
    return (int)errno_result(result);
}

int sem_wait(sem_t *opaque)
{
    return (int)errno_result(semaphore_take(semaphore_of(opaque), NO_DEADLINE));
}

int sem_trywait(sem_t *opaque)
{
    return (int)errno_result(semaphore_take(semaphore_of(opaque), 0));
}

int sem_clockwait(sem_t *restrict opaque, clockid_t clock, const struct timespec *restrict time)
{
    int result = semaphore_take(semaphore_of(opaque), 0);
    uint64_t deadline;
    if (result == 0)
        return 0;
    result = deadline_at(clock, time, &deadline);
    if (result == 0)
        result = semaphore_take(semaphore_of(opaque), deadline ? deadline : 1);
    return (int)errno_result(result);
}

int sem_timedwait(sem_t *restrict opaque, const struct timespec *restrict time)
{
    return sem_clockwait(opaque, CLOCK_REALTIME, time);
}

int sem_getvalue(sem_t *restrict opaque, int *restrict value)
{
    *value = (int)semaphore_of(opaque)->value;
    return 0;
}
