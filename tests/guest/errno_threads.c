/* SPDX-License-Identifier: BSD-2-Clause */
/* Each thread has an errno and thread-local variables of its own, initialized as written. */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

static __thread int initialized = 1234;
static __thread char zeroed[100];
static _Thread_local uintptr_t aligned __attribute__((aligned(64))) = 5;

static void *thread(void *argument)
{
    int mine = (int)(uintptr_t)argument;
    CHECK(initialized == 1234 && aligned == 5 && (uintptr_t)&aligned % 64 == 0);
    for (size_t i = 0; i < sizeof zeroed; i++)
        CHECK(zeroed[i] == 0);
    initialized = mine;
    memset(zeroed, mine, sizeof zeroed);
    for (int i = 0; i < 500; i++) {
        errno = mine;
        sched_yield();
        CHECK(errno == mine && initialized == mine && zeroed[99] == mine);
        CHECK(close(-1) == -1);
        CHECK(errno == EBADF);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    errno = 77;
    for (uintptr_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, thread, (void *)(i + 50)) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(errno == 77 && initialized == 1234 && aligned == 5);
    puts("ok");
    return 0;
}
