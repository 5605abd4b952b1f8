/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutexes of each type and spin locks: exclusion under preemption, time-outs, errors. */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define THREADS 4
#define ROUNDS 20000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_spinlock_t spin;
static volatile long first, second, third;

static void *add(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(pthread_mutex_lock(&mutex) == 0);
        first++;
        long seen = first;
        second = seen;
        CHECK(first == seen);
        CHECK(pthread_mutex_unlock(&mutex) == 0);
        CHECK(pthread_spin_lock(&spin) == 0);
        third++;
        CHECK(pthread_spin_unlock(&spin) == 0);
    }
    return argument;
}

static void exclusion(void)
{
    pthread_t threads[THREADS];
    CHECK(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, add, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(first == THREADS * ROUNDS && second == first && third == first);
    CHECK(pthread_spin_trylock(&spin) == 0 && pthread_spin_trylock(&spin) == EBUSY);
    CHECK(pthread_spin_unlock(&spin) == 0 && pthread_spin_destroy(&spin) == 0);
}

static void *try_locked(void *argument)
{
    pthread_mutex_t *locked = argument;
    struct timespec until;
    CHECK(pthread_mutex_trylock(locked) == EBUSY);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 10000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    CHECK(pthread_mutex_timedlock(locked, &until) == ETIMEDOUT);
    until.tv_nsec = -1;
    CHECK(pthread_mutex_timedlock(locked, &until) == EINVAL);
    return NULL;
}

static void from_another(pthread_mutex_t *locked)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, try_locked, locked) == 0 &&
          pthread_join(thread, NULL) == 0);
}

static void types(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t recursive, checking;
    int type;
    CHECK(pthread_mutexattr_init(&attributes) == 0);
    CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0);
    CHECK(pthread_mutexattr_gettype(&attributes, &type) == 0 && type == PTHREAD_MUTEX_RECURSIVE);
    CHECK(pthread_mutexattr_settype(&attributes, 77) == EINVAL);
    CHECK(pthread_mutex_init(&recursive, &attributes) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_mutex_lock(&recursive) == 0);
    CHECK(pthread_mutex_trylock(&recursive) == 0);
    for (int i = 0; i < 4; i++) {
        from_another(&recursive);
        CHECK(pthread_mutex_destroy(&recursive) == EBUSY);
        CHECK(pthread_mutex_unlock(&recursive) == 0);
    }
    CHECK(pthread_mutex_unlock(&recursive) == EPERM && pthread_mutex_destroy(&recursive) == 0);

    CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK) == 0);
    CHECK(pthread_mutex_init(&checking, &attributes) == 0);
    CHECK(pthread_mutex_unlock(&checking) == EPERM && pthread_mutex_lock(&checking) == 0);
    CHECK(pthread_mutex_lock(&checking) == EDEADLK && pthread_mutex_trylock(&checking) == EBUSY);
    from_another(&checking);
    CHECK(pthread_mutex_unlock(&checking) == 0 && pthread_mutex_destroy(&checking) == 0);
    CHECK(pthread_mutexattr_destroy(&attributes) == 0);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    from_another(&mutex);
    CHECK(pthread_mutex_trylock(&mutex) == EBUSY && pthread_mutex_unlock(&mutex) == 0);
}

int main(void)
{
    exclusion();
    types();
    puts("ok");
    return 0;
}
