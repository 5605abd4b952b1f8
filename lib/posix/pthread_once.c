/* SPDX-License-Identifier: BSD-2-Clause */
/* pthread_once, and spin locks, which yield: there is one CPU. */
#include <errno.h>
#include <pthread.h>

#include "kernel/thread.h"
#include "threads.h"

struct once {
    unsigned done;
    struct mutex lock;
};
_Static_assert(sizeof(struct once) <= sizeof(pthread_once_t), "pthread_once_t");

int pthread_once(pthread_once_t *control, void (*routine)(void))
{
    struct once *once = (struct once *)(void *)control;
    if (__atomic_load_n(&once->done, __ATOMIC_ACQUIRE))
        return 0;
    mutex_lock(&once->lock);
    if (!once->done) {
        routine();
        __atomic_store_n(&once->done, 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&once->lock);
    return 0;
}

int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    (void)shared;
    lock->__opaque[0] = 0;
    return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    (void)lock;
    return 0;
}

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    return __atomic_exchange_n(&lock->__opaque[0], 1, __ATOMIC_ACQUIRE) ? EBUSY : 0;
}

int pthread_spin_lock(pthread_spinlock_t *lock)
{
    while (pthread_spin_trylock(lock) != 0)
        thread_yield();
    return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    __atomic_store_n(&lock->__opaque[0], 0, __ATOMIC_RELEASE);
    return 0;
}
