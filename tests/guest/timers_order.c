/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleepers wake in the order of their deadlines and never early, and a thread that computes does
 * not keep them from it. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define SLEEPERS 8
#define NS_PER_SEC 1000000000ll

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned woken[SLEEPERS], woken_count;
static volatile int stop;
static int early;
static long long start_ns;

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

static void *sleeper(void *argument)
{
    static const long long delays_ms[SLEEPERS] = {240, 40, 200, 80, 160, 120, 280, 320};
    unsigned long self = (unsigned long)argument;
    long long delay_ns = delays_ms[self] * 1000000, deadline_ns = start_ns + delay_ns;
    struct timespec deadline = {deadline_ns / NS_PER_SEC, deadline_ns % NS_PER_SEC};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
    pthread_mutex_lock(&mutex);
    early |= now_ns() < deadline_ns;
    woken[woken_count++] = (unsigned)(delay_ns / 40000000);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *compute(void *argument)
{
    while (!stop)
        ;
    return argument;
}

int main(void)
{
    pthread_t threads[SLEEPERS], computing;

    start_ns = now_ns();
    if (pthread_create(&computing, NULL, compute, NULL) != 0)
        return 1;
    for (unsigned long i = 0; i < SLEEPERS; i++) {
        if (pthread_create(&threads[i], NULL, sleeper, (void *)i) != 0)
            return 1;
    }
    for (int i = 0; i < SLEEPERS; i++)
        pthread_join(threads[i], NULL);
    stop = 1;
    pthread_join(computing, NULL);
    if (early)
        return 2;
    for (unsigned i = 0; i < SLEEPERS; i++) {
        if (woken[i] != i + 1)
            return 3;
    }
    puts("ok");
    return 0;
}
