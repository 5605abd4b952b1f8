/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 1M */
/* Four threads with default stacks fit into 1 MiB, twice. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#define THREADS 4

static void *add(void *argument)
{
    volatile uintptr_t room[256] = {(uintptr_t)argument}; /* uses some stack */
    return (void *)(room[0] + 1);
}

int main(void)
{
    for (int round = 0; round < 2; round++) {
        pthread_t threads[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, add, (void *)i) != 0)
                return 1;
        for (uintptr_t i = 0; i < THREADS; i++) {
            void *result;
            if (pthread_join(threads[i], &result) != 0 || result != (void *)(i + 1))
                return 2;
        }
    }
    puts("ok");
    return 0;
}
