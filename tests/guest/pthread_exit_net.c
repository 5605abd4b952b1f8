/* SPDX-License-Identifier: BSD-2-Clause */
/* The network's own threads do not keep a program alive whose last thread has called pthread_exit. */
#include "net_test.h"

#include <pthread.h>

static void at_exit(void)
{
    puts("ok");
}

static void *echo(void *argument)
{
    int fd = *(int *)argument;
    char text[4];
    CHECK(recv(fd, text, 4, MSG_WAITALL) == 4 && write(fd, text, 4) == 4);
    return argument;
}

int main(void)
{
    int ends[2];
    char text[4];
    pthread_t id;
    void *result;

    pair4(ends);
    CHECK(atexit(at_exit) == 0 && pthread_create(&id, NULL, echo, &ends[1]) == 0);
    CHECK(write(ends[0], "echo", 4) == 4 && recv(ends[0], text, 4, MSG_WAITALL) == 4);
    CHECK(memcmp(text, "echo", 4) == 0);
    CHECK(pthread_join(id, &result) == 0 && result == &ends[1]);
    pthread_exit(NULL);
}
