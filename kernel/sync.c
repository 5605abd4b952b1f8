/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wait queue, mutex and condition, built from park and unpark. Used by every layer above. A queue
 * changes only with upcalls masked; a thread parks only unmasked.
 */
#include "kernel/sync.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "sched.h"

void waitq_add(struct waitq *queue, struct waiter *waiter)
{
    unsigned state = upcalls_mask();

    kassert(waiter->queue == NULL);
    waiter->queue = queue;
    waiter->next = NULL;
    waiter->prev = queue->last;
    if (queue->last != NULL)
        queue->last->next = waiter;
    else
        queue->first = waiter;
    queue->last = waiter;
    upcalls_restore(state);
}

void waitq_remove(struct waiter *waiter)
{
    unsigned state = upcalls_mask();
    struct waitq *queue = waiter->queue;

    if (queue != NULL) {
        if (waiter->prev != NULL)
            waiter->prev->next = waiter->next;
        else
            queue->first = waiter->next;
        if (waiter->next != NULL)
            waiter->next->prev = waiter->prev;
        else
            queue->last = waiter->prev;
        waiter->next = waiter->prev = NULL;
        waiter->queue = NULL;
    }
    upcalls_restore(state);
}

void waitq_wake(struct waitq *queue, uint32_t most)
{
    unsigned state = upcalls_mask();
    struct waiter *waiter = queue->first;

    while (waiter != NULL && most-- > 0) {
        struct waiter *next = waiter->next;

        waiter->wake(waiter);
        waiter = next;
    }
    upcalls_restore(state);
}

bool waitq_empty(const struct waitq *queue)
{
    return queue->first == NULL;
}

/* A thread on a queue: off it means woken. */
static void wake_thread(struct waiter *waiter)
{
    waitq_remove(waiter);
    thread_unpark(waiter->context);
}

int waitq_wait_by(struct waitq *queue, struct mutex *mutex, uint64_t deadline_ns,
                  int (*park)(uint64_t deadline_ns))
{
    struct waiter waiter = {.wake = wake_thread, .context = thread_self()};
    int result = 0;
    unsigned state;

    /* No wake-up is lost:
     * 1. Who changes the condition holds the mutex, so cannot have done it between the caller's
     *    check and the adding here.
     * 2. Who does it after the unlocking finds the waiter queued; its unpark before our park
     *    leaves a token. */
    waitq_add(queue, &waiter);
    mutex_unlock(mutex);
    while (__atomic_load_n(&waiter.queue, __ATOMIC_ACQUIRE) != NULL && result == 0)
        result = park(deadline_ns);
    state = upcalls_mask();
    if (waiter.queue == NULL)
        result = 0; /* woken while the deadline passed */
    else
        waitq_remove(&waiter);
    upcalls_restore(state);
    mutex_lock(mutex);
    return result;
}

int waitq_wait(struct waitq *queue, struct mutex *mutex, uint64_t deadline_ns)
{
    return waitq_wait_by(queue, mutex, deadline_ns, thread_park);
}

int cond_wait_until(struct cond *cond, struct mutex *mutex, uint64_t deadline_ns)
{
    return waitq_wait(&cond->waiters, mutex, deadline_ns);
}

void cond_signal(struct cond *cond)
{
    waitq_wake(&cond->waiters, 1);
}

void cond_broadcast(struct cond *cond)
{
    waitq_wake(&cond->waiters, UINT32_MAX);
}

bool mutex_try(struct mutex *mutex)
{
    struct thread *none = NULL;

    return __atomic_compare_exchange_n(&mutex->owner, &none, cpu_self()->current, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void mutex_lock(struct mutex *mutex)
{
    if (!mutex_try(mutex))
        mutex_lock_until(mutex, NO_DEADLINE);
}

int mutex_lock_until(struct mutex *mutex, uint64_t deadline_ns)
{
    struct thread *self = thread_self();
    struct waiter waiter = {.wake = wake_thread, .context = self};
    bool stray = false; /* an unpark that was not the mutex's: the caller's own next park gets it */
    int result;
    unsigned state;

    if (mutex_try(mutex))
        return 0;
    kassert(mutex->owner != self);

    /* No wake-up is lost: the owner gives the mutex up and then looks for waiters. It gives it up
     * either before this second try (which succeeds), or it finds the waiter queued. */
    state = upcalls_mask();
    kassert(state == 0);
    if (mutex_try(mutex)) {
        upcalls_restore(state);
        return 0;
    }
    waitq_add(&mutex->waiters, &waiter);
    upcalls_restore(state);

    for (;;) {
        result = thread_park(deadline_ns);
        if (result != 0 || __atomic_load_n(&mutex->owner, __ATOMIC_ACQUIRE) == self)
            break;
        stray = true;
    }
    state = upcalls_mask();
    if (mutex->owner == self)
        result = 0; /* perhaps handed over while the deadline passed */
    else
        waitq_remove(&waiter);
    upcalls_restore(state);
    if (stray)
        thread_unpark(self);
    return result;
}

/* Hands a mutex that was given up to the first of its waiters. Who took it in between does so when
 * giving it up in turn. */
static __attribute__((noinline)) void hand_over(struct mutex *mutex)
{
    unsigned state = upcalls_mask();
    struct waiter *waiter = mutex->waiters.first;
    struct thread *none = NULL;

    if (waiter != NULL && __atomic_compare_exchange_n(&mutex->owner, &none, waiter->context, false,
                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        waiter->wake(waiter);
    upcalls_restore(state);
}

void mutex_unlock(struct mutex *mutex)
{
    kassert(mutex->owner == cpu_self()->current);
    /* The owner is cleared before the queue is read (mutex_lock_until relies on it), and all that
     * the mutex protects is written before. */
    (void)__atomic_exchange_n(&mutex->owner, NULL, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&mutex->waiters.first, __ATOMIC_RELAXED) != NULL)
        hand_over(mutex);
}

bool mutex_held(const struct mutex *mutex)
{
    return mutex->owner == cpu_self()->current;
}
