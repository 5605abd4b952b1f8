/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --timeout 2 */
/* expect: status 124 */
/* expect-stdout: ^asleep$ */
/* Threads that have competed for the CPU, with time slices and timers, and then all sleep: nothing
 * of that may go on ticking. The end-to-end tests count how often the host is bothered. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3
#define COMPETE_MS 120 /* a dozen time slices */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int ready;
static long long compete_end_ms;

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void *compete(void *argument)
{
    while (now_ms() < compete_end_ms)
        ;
    usleep(1000);
    pthread_mutex_lock(&mutex);
    if (++ready == THREADS)
        puts("asleep");
    for (;;)
        pthread_cond_wait(&never, &mutex);
    return argument;
}

int main(void)
{
    pthread_t thread;

    compete_end_ms = now_ms() + COMPETE_MS;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, compete, NULL) != 0)
            return 1;
    }
    for (;;)
        sleep(1000);
}
