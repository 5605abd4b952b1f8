/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 7 */
/* The program ends while its threads use streams: one waits for input for ever, the others write.
 * What main has written comes out. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static void *read_forever(void *argument)
{
    getc(argument);
    return NULL;
}

static void *write_forever(void *argument)
{
    FILE *file = fopen(argument, "w");
    for (unsigned i = 0; file; i++) {
        char *text = malloc(1 + i % 3000);
        fprintf(file, "line %u of %s\n", i, (char *)argument);
        if (i % 1000 == 0)
            rewind(file);
        free(text);
    }
    return NULL;
}

int main(void)
{
    static char names[4][16];
    pthread_t thread;
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK(pthread_create(&thread, NULL, read_forever, fdopen(ends[0], "r")) == 0);
    for (int i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "/tmp/%d", i);
        CHECK(pthread_create(&thread, NULL, write_forever, names[i]) == 0);
    }
    usleep(50000);
    printf("ok");
    return 7;
}
