/* SPDX-License-Identifier: BSD-2-Clause */
/* only: xen */
/* run: --watchdog 1 */
/*
 * A program that only computes, or only sleeps, for longer than its watchdog's time does not hang;
 * nor does the domain end by it when the program has ended.
 */
#include <time.h>

#include "check.h"

#define SECONDS 3

int main(void)
{
    const struct timespec while_idle = {.tv_sec = SECONDS}, moment = {.tv_nsec = 1000000};
    struct timespec start, now;

    nanosleep(&moment, NULL); /* from now on it is watched */
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec < start.tv_sec + SECONDS);
    CHECK(nanosleep(&while_idle, NULL) == 0);
    puts("ok");
    return 0;
}
