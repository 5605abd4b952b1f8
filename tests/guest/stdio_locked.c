/* SPDX-License-Identifier: BSD-2-Clause */
/* expect-stdout: \A(mine\n){3}other\nok\n\Z */
/* A program's first use of stdio may be to lock standard output: what others write waits. */
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static void *other(void *argument)
{
    (void)argument;
    puts("other");
    return NULL;
}

int main(void)
{
    pthread_t thread;

    flockfile(stdout);
    CHECK(ftrylockfile(stdout) == 0);
    puts("mine");
    CHECK(pthread_create(&thread, NULL, other, NULL) == 0);
    usleep(1000);
    puts("mine");
    usleep(1000);
    puts("mine");
    funlockfile(stdout);
    funlockfile(stdout);
    CHECK(pthread_join(thread, NULL) == 0);
    puts("ok");
    return 0;
}
