/* SPDX-License-Identifier: BSD-2-Clause */
/* expect-stdout: \Amain\nthread\natexit\nok\n\Z */
/* pthread_exit in main: the other threads go on, the program ends with status 0 after the last. */
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static void at_exit(void)
{
    puts("atexit\nok");
}

static void *thread(void *argument)
{
    usleep(20000);
    puts("thread");
    return argument;
}

int main(void)
{
    pthread_t id;
    puts("main");
    CHECK(atexit(at_exit) == 0 && pthread_create(&id, NULL, thread, NULL) == 0);
    CHECK(pthread_detach(id) == 0);
    pthread_exit((void *)3);
}
