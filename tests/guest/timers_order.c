/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleepers wake in the order of their deadlines and never early, and a thread that computes does
 * not keep them from it. A host that is busy elsewhere may take the CPU for longer than lies between
 * two deadlines: then it is tried again with longer ones. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define SLEEPERS 8
#define NS_PER_SEC 1000000000ll
#define STEP_NS 40000000ll
#define STEP_MOST_NS (50 * STEP_NS)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned woken[SLEEPERS], woken_count;
static volatile bool stop, early;
static long long start_ns, step_ns;

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

static void *sleeper(void *argument)
{
    unsigned turn = (unsigned)(unsigned long)argument;
    long long deadline_ns = start_ns + (turn + 1) * step_ns;
    struct timespec deadline = {deadline_ns / NS_PER_SEC, deadline_ns % NS_PER_SEC};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
    pthread_mutex_lock(&mutex);
    if (now_ns() < deadline_ns)
        early = true;
    woken[woken_count++] = turn;
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *compute(void *argument)
{
    while (!stop)
        ;
    return argument;
}

static bool wake_in_order(void)
{
    static const unsigned turns[SLEEPERS] = {5, 0, 4, 1, 3, 2, 6, 7};
    pthread_t threads[SLEEPERS], computing;
    bool in_order = true;

    stop = false;
    woken_count = 0;
    start_ns = now_ns();
    if (pthread_create(&computing, NULL, compute, NULL) != 0)
        return false;
    for (int i = 0; i < SLEEPERS; i++) {
        if (pthread_create(&threads[i], NULL, sleeper, (void *)(unsigned long)turns[i]) != 0)
            return false;
    }
    for (int i = 0; i < SLEEPERS; i++)
        pthread_join(threads[i], NULL);
    stop = true;
    pthread_join(computing, NULL);
    for (unsigned i = 0; i < SLEEPERS; i++)
        in_order = in_order && woken[i] == i;
    return in_order;
}

int main(void)
{
    bool in_order = false;

    for (step_ns = STEP_NS; !in_order && step_ns <= STEP_MOST_NS; step_ns *= 2)
        in_order = wake_in_order();
    if (early)
        return 2;
    if (!in_order)
        return 3;
    puts("ok");
    return 0;
}
