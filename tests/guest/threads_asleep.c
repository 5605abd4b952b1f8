/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --timeout 3 */
/* expect: status 124 */
/* expect-stdout: ^asleep$ */
/* Threads that have competed for the CPU, with time slices and timers, and then all sleep: nothing
 * of that may go on ticking. The end-to-end tests count how often the host is bothered. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3
#define SPIN_MS 100 /* several time slices of each */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int ready;

static void *compete(void *argument)
{
    struct timespec begin, now;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < SPIN_MS);
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

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, compete, NULL) != 0)
            return 1;
    }
    for (;;)
        sleep(1000);
}
