/* SPDX-License-Identifier: BSD-2-Clause */
/* Barriers. The last thread to arrive opens the round and starts the next one. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "kernel/thread.h"
#include "threads.h"

struct barrier {
    struct mutex lock;
    struct cond opened;
    unsigned needed;
    unsigned arrived;
    unsigned round;
    unsigned inside; /* threads that have not left wait yet */
};
_Static_assert(sizeof(struct barrier) <= sizeof(pthread_barrier_t), "pthread_barrier_t");

static struct barrier *barrier_of(pthread_barrier_t *opaque)
{
    return (struct barrier *)(void *)opaque;
}

int pthread_barrier_init(pthread_barrier_t *opaque, const pthread_barrierattr_t *attributes,
                         unsigned count)
{
    (void)attributes;
    if (count == 0)
        return EINVAL;
    memset(opaque, 0, sizeof *opaque);
    barrier_of(opaque)->needed = count;
    return 0;
}

/* Waits for those who are on their way out, so that the memory may go. */
int pthread_barrier_destroy(pthread_barrier_t *opaque)
{
    struct barrier *barrier = barrier_of(opaque);
    mutex_lock(&barrier->lock);
    bool busy = barrier->arrived > 0;
    while (!busy && barrier->inside > 0)
        cond_wait_until(&barrier->opened, &barrier->lock, NO_DEADLINE);
    mutex_unlock(&barrier->lock);
    return busy ? EBUSY : 0;
}

int pthread_barrier_wait(pthread_barrier_t *opaque)
{
    struct barrier *barrier = barrier_of(opaque);
    mutex_lock(&barrier->lock);
    unsigned round = barrier->round;
    barrier->inside++;
    bool last = ++barrier->arrived == barrier->needed;
    if (last) {
        barrier->arrived = 0;
        barrier->round++;
        cond_broadcast(&barrier->opened);
    }
    while (barrier->round == round)
        cond_wait_until(&barrier->opened, &barrier->lock, NO_DEADLINE);
    if (--barrier->inside == 0)
        cond_broadcast(&barrier->opened);
    mutex_unlock(&barrier->lock);
    return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

int pthread_barrierattr_init(pthread_barrierattr_t *attributes)
{
    memset(attributes, 0, sizeof *attributes);
    return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t *attributes)
{
    (void)attributes;
    return 0;
}
