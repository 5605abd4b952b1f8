/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 16M */
/* Waves of threads over one mutex and one condition: no count is lost, and the memory of ended
 * threads, guard pages included, serves the next wave: all waves together would not fit. */
#include <pthread.h>
#include <stdio.h>

#define WAVES 20
#define THREADS 50
#define ROUNDS 20

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static unsigned long total, turn;

static void *take_turns(void *argument)
{
    unsigned long self = (unsigned long)argument;

    for (int round = 0; round < ROUNDS; round++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != self && round == 0)
            pthread_cond_wait(&turned, &mutex);
        turn += round == 0;
        total++;
        pthread_cond_broadcast(&turned);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

int main(void)
{
    for (int wave = 0; wave < WAVES; wave++) {
        pthread_t threads[THREADS];

        for (unsigned long i = 0; i < THREADS; i++) {
            if (pthread_create(&threads[i], NULL, take_turns, (void *)i) != 0)
                return 1;
        }
        for (int i = 0; i < THREADS; i++) {
            if (pthread_join(threads[i], NULL) != 0)
                return 2;
        }
    }
    if (total != (unsigned long)WAVES * THREADS * ROUNDS || turn != WAVES * THREADS)
        return 3;
    puts("ok");
    return 0;
}
