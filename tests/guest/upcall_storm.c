/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No wake-up is lost between masking, unmasking and upcalls: two threads wake each other as fast as
 * they can, others sleep for short times, one computes and never gives way, and all come to an end.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "check.h"

#define ROUNDS 100000
#define SLEEPERS 16
#define SLEEPS 80

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static unsigned turn;
static atomic_bool done;
static atomic_ulong computed;

static void *wake_each_other(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;

    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK(pthread_mutex_lock(&mutex) == 0);
        while (turn % 2 != self)
            CHECK(pthread_cond_wait(&turned, &mutex) == 0);
        turn++;
        CHECK(pthread_cond_signal(&turned) == 0);
        CHECK(pthread_mutex_unlock(&mutex) == 0);
    }
    return NULL;
}

static void *sleep_often(void *argument)
{
    struct timespec before, after, pause = {.tv_nsec = 3000 + 90000 * (long)(uintptr_t)argument};

    for (unsigned i = 0; i < SLEEPS; i++) {
        clock_gettime(CLOCK_MONOTONIC, &before);
        CHECK(nanosleep(&pause, NULL) == 0);
        clock_gettime(CLOCK_MONOTONIC, &after);
        CHECK((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >=
              pause.tv_nsec);
    }
    return NULL;
}

static void *compute(void *argument)
{
    (void)argument;
    while (!atomic_load(&done))
        atomic_fetch_add(&computed, 1);
    return NULL;
}

int main(void)
{
    pthread_t pair[2], sleepers[SLEEPERS], computing;

    CHECK(pthread_create(&computing, NULL, compute, NULL) == 0);
    for (uintptr_t i = 0; i < 2; i++)
        CHECK(pthread_create(&pair[i], NULL, wake_each_other, (void *)i) == 0);
    for (uintptr_t i = 0; i < SLEEPERS; i++)
        CHECK(pthread_create(&sleepers[i], NULL, sleep_often, (void *)i) == 0);
    for (unsigned i = 0; i < SLEEPERS; i++)
        CHECK(pthread_join(sleepers[i], NULL) == 0);
    CHECK(atomic_load(&computed) > 0);
    atomic_store(&done, true); /* it would take a whole slice in each round */
    CHECK(pthread_join(computing, NULL) == 0);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_join(pair[i], NULL) == 0);
    CHECK(turn == 2 * ROUNDS);
    CHECK(metric("coracle_upcalls_total") > 0);
    puts("ok");
    return 0;
}
