/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that never call anything take turns, and each finds its floating-point numbers as it left
 * them. */
#include <pthread.h>
#include <stdio.h>

#define THREADS 3

static volatile unsigned long progress[THREADS];
static volatile int stop;

/* The same numbers in another order would be rounded otherwise: any foreign bit shows. */
static double series(double x, unsigned long terms)
{
    double sum = 0;

    for (unsigned long i = 1; i <= terms; i++)
        sum += x / (double)i - sum * 1e-9;
    return sum;
}

static char complaint[] = "a floating-point register changed";

static void *spin(void *argument)
{
    unsigned long self = (unsigned long)argument;
    double expected = series((double)self + 1.25, 1000);

    while (!stop) {
        if (series((double)self + 1.25, 1000) != expected)
            return complaint;
        progress[self]++;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    unsigned long least = 0;
    int failed = 0;

    for (unsigned long i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, spin, (void *)i) != 0)
            return 1;
    }
    /* This thread spins, too: all of them get on only when all are preempted. */
    while (least < 300) {
        least = progress[0];
        for (int i = 1; i < THREADS; i++)
            least = progress[i] < least ? progress[i] : least;
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++) {
        void *said;

        if (pthread_join(threads[i], &said) != 0)
            return 2;
        if (said != NULL) {
            puts(said);
            failed = 3;
        }
    }
    if (failed == 0)
        puts("ok");
    return failed;
}
