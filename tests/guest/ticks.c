/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says a number every 100 ms, as often as its argument says, while another thread computes: for
 * tests that suspend the machine meanwhile. Time never goes back.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"

static atomic_bool done;
static atomic_ulong rounds;

static void *compute(void *argument)
{
    (void)argument;
    while (!done)
        rounds++;
    return NULL;
}

int main(int argc, char **argv)
{
    const struct timespec step = {.tv_nsec = 100000000};
    int count = argc > 1 ? atoi(argv[1]) : 3;
    struct timespec before = {0, 0}, now;
    unsigned long last = 0;
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, compute, NULL) == 0);
    for (int i = 0; i < count; i++) {
        nanosleep(&step, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        CHECK(now.tv_sec > before.tv_sec ||
              (now.tv_sec == before.tv_sec && now.tv_nsec > before.tv_nsec));
        before = now;
        /* The host may have had the CPU all the while. */
        for (int patience = 100; rounds == last && patience > 0; patience--)
            nanosleep(&step, NULL);
        CHECK(rounds > last);
        last = rounds;
        printf("tick %d\n", i);
        fflush(stdout);
    }
    done = true;
    CHECK(pthread_join(thread, NULL) == 0);
    puts("ok");
    return 0;
}
