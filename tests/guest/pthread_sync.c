/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditions, read-write locks, barriers, once, semaphores. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define ITEMS 5000
#define THREADS 4

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += ms * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    int items[8], count, sum;
} queue = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, 0, 0};

static void *consume(void *argument)
{
    for (int done = 0; !done;) {
        pthread_mutex_lock(&queue.lock);
        while (queue.count == 0)
            CHECK(pthread_cond_wait(&queue.not_empty, &queue.lock) == 0);
        int item = queue.items[--queue.count];
        queue.sum += item;
        done = item == 0;
        pthread_cond_signal(&queue.not_full);
        pthread_mutex_unlock(&queue.lock);
    }
    return argument;
}

static void produce(int item)
{
    pthread_mutex_lock(&queue.lock);
    while (queue.count == 8)
        CHECK(pthread_cond_wait(&queue.not_full, &queue.lock) == 0);
    queue.items[queue.count++] = item;
    pthread_cond_signal(&queue.not_empty);
    pthread_mutex_unlock(&queue.lock);
}

static void conditions(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, consume, NULL) == 0);
    for (int i = 1; i <= ITEMS; i++)
        produce(i);
    for (int empty = 0; !empty; usleep(100)) {
        pthread_mutex_lock(&queue.lock);
        empty = queue.count == 0;
        pthread_mutex_unlock(&queue.lock);
    }
    for (int i = 0; i < THREADS; i++)
        produce(0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(queue.sum == ITEMS * (ITEMS + 1) / 2);

    pthread_condattr_t attributes;
    pthread_cond_t cond;
    struct timespec until = in_ms(CLOCK_MONOTONIC, 10);
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_condattr_setclock(&attributes, 77) == EINVAL);
    CHECK(pthread_cond_init(&cond, &attributes) == 0 && pthread_mutex_lock(&queue.lock) == 0);
    CHECK(pthread_cond_timedwait(&cond, &queue.lock, &until) == ETIMEDOUT);
    struct timespec now = in_ms(CLOCK_MONOTONIC, 0);
    CHECK(now.tv_sec > until.tv_sec ||
          (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
    until = in_ms(CLOCK_REALTIME, 5);
    CHECK(pthread_cond_timedwait(&queue.not_full, &queue.lock, &until) == ETIMEDOUT);
    until.tv_nsec = 1000000000;
    CHECK(pthread_cond_timedwait(&cond, &queue.lock, &until) == EINVAL);
    CHECK(pthread_mutex_unlock(&queue.lock) == 0 && pthread_cond_destroy(&cond) == 0);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile int shared[2];

static void *read_and_write(void *argument)
{
    for (int i = 0; i < 3000; i++) {
        if (i % 8 == (int)(uintptr_t)argument) {
            CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
            shared[0]++;
            shared[1]++;
        } else {
            CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
            CHECK(shared[0] == shared[1]);
        }
        CHECK(pthread_rwlock_unlock(&rwlock) == 0);
    }
    return NULL;
}

static void *locked_for_writing(void *argument)
{
    struct timespec until = in_ms(CLOCK_REALTIME, 5);
    CHECK(pthread_rwlock_tryrdlock(&rwlock) == EBUSY && pthread_rwlock_trywrlock(&rwlock) == EBUSY);
    CHECK(pthread_rwlock_timedrdlock(&rwlock, &until) == ETIMEDOUT);
    CHECK(pthread_rwlock_timedwrlock(&rwlock, &until) == ETIMEDOUT);
    return argument;
}

static void rwlocks(void)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, read_and_write, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(shared[0] == THREADS * 3000 / 8 && shared[1] == shared[0]);
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0 && pthread_rwlock_rdlock(&rwlock) == 0);
    CHECK(pthread_rwlock_trywrlock(&rwlock) == EBUSY && pthread_rwlock_unlock(&rwlock) == 0);
    CHECK(pthread_rwlock_unlock(&rwlock) == 0 && pthread_rwlock_unlock(&rwlock) == EPERM);
    CHECK(pthread_rwlock_wrlock(&rwlock) == 0 && pthread_rwlock_wrlock(&rwlock) == EDEADLK);
    CHECK(pthread_create(&threads[0], NULL, locked_for_writing, NULL) == 0);
    CHECK(pthread_join(threads[0], NULL) == 0 && pthread_rwlock_unlock(&rwlock) == 0);
    CHECK(pthread_rwlock_destroy(&rwlock) == 0);
}

static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static volatile int rounds[THREADS], serial, ran;

static void run_once(void)
{
    usleep(5000);
    ran++;
}

static void *meet(void *argument)
{
    uintptr_t me = (uintptr_t)argument;
    CHECK(pthread_once(&once, run_once) == 0 && ran == 1);
    for (int i = 1; i <= 200; i++) {
        rounds[me] = i;
        int result = pthread_barrier_wait(&barrier);
        CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
        if (result)
            serial++;
        for (int other = 0; other < THREADS; other++)
            CHECK(rounds[other] >= i);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void barriers(void)
{
    pthread_t threads[THREADS];
    CHECK(pthread_barrier_init(&barrier, NULL, 0) == EINVAL);
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, meet, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(serial == 200 && ran == 1 && pthread_barrier_destroy(&barrier) == 0);
}

static sem_t semaphore;

static void *post(void *argument)
{
    for (int i = 0; i < 1000; i++)
        CHECK(sem_post(&semaphore) == 0);
    return argument;
}

static void *take(void *argument)
{
    for (int i = 0; i < 1000; i++)
        CHECK(sem_wait(&semaphore) == 0);
    return argument;
}

static void semaphores(void)
{
    pthread_t threads[4];
    int value;
    CHECK(sem_init(&semaphore, 0, 2) == 0 && sem_trywait(&semaphore) == 0);
    CHECK(sem_wait(&semaphore) == 0);
    CHECK_FAILS(sem_trywait(&semaphore), EAGAIN);
    struct timespec until = in_ms(CLOCK_REALTIME, 5);
    CHECK_FAILS(sem_timedwait(&semaphore, &until), ETIMEDOUT);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, i & 1 ? post : take, NULL) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(sem_getvalue(&semaphore, &value) == 0 && value == 0 && sem_destroy(&semaphore) == 0);
}

int main(void)
{
    conditions();
    rwlocks();
    barriers();
    semaphores();
    puts("ok");
    return 0;
}
