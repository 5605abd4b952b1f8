/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wait queue, mutex and condition over park and unpark. All-zero is the initial state of each, so a
 * static one needs no call. Only threads may block; waking works in any context.
 */
#ifndef KERNEL_SYNC_H
#define KERNEL_SYNC_H

#include <stdbool.h>
#include <stdint.h>

struct thread;
struct waitq;

/*
 * Someone who wants to hear of a wake-up. `wake` runs with upcalls masked, while the waiter is
 * still on the queue; it must be short and must not park. It may remove this waiter and no other.
 * poll and select put one on each descriptor's queue.
 */
struct waiter {
    struct waiter *next, *prev;
    struct waitq *queue; /* NULL: on none */
    void (*wake)(struct waiter *waiter);
    void *context;
};

struct waitq {
    struct waiter *first, *last;
};

void waitq_add(struct waitq *queue, struct waiter *waiter);
/* Does nothing when the waiter is on no queue. */
void waitq_remove(struct waiter *waiter);
/* Calls `wake` of the first `most` waiters (UINT32_MAX: all), in order of arrival. */
void waitq_wake(struct waitq *queue, uint32_t most);
bool waitq_empty(const struct waitq *queue);

/* Not recursive. Ownership is handed over in order of arrival. */
struct mutex {
    struct thread *owner;
    struct waitq waiters;
};
void mutex_lock(struct mutex *mutex);
bool mutex_try(struct mutex *mutex);
int mutex_lock_until(struct mutex *mutex, uint64_t deadline_ns); /* 0, -ETIMEDOUT */
void mutex_unlock(struct mutex *mutex);
bool mutex_held(const struct mutex *mutex); /* by the caller */

struct cond {
    struct waitq waiters;
};
/* Gives up `mutex`, waits, takes it again. 0 or -ETIMEDOUT; may wake without reason. */
int cond_wait_until(struct cond *cond, struct mutex *mutex, uint64_t deadline_ns);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

/* Waits on a queue itself: call with the condition checked under `mutex`. Same as
 * cond_wait_until. */
int waitq_wait(struct waitq *queue, struct mutex *mutex, uint64_t deadline_ns);
/* The same, sleeping by `park`: thread_park, or errand_park. */
int waitq_wait_by(struct waitq *queue, struct mutex *mutex, uint64_t deadline_ns,
                  int (*park)(uint64_t deadline_ns));

#endif
