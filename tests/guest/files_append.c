/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads append to one file, each through a descriptor of its own: no line is lost or torn. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define THREADS 4
#define LINES 15000
#define LINE_BYTES 100

static void *append(void *argument)
{
    char line[LINE_BYTES];
    int fd = open("/tmp/log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    CHECK(fd >= 0);
    memset(line, 'a' + (int)(long)argument, sizeof line);
    for (int i = 0; i < LINES; i++)
        CHECK(write(fd, line, sizeof line) == sizeof line);
    CHECK(lseek(fd, 0, SEEK_CUR) % LINE_BYTES == 0 && close(fd) == 0);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int counts[THREADS] = {0};
    char line[LINE_BYTES];
    struct stat status;

    for (long i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, append, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    int fd = open("/tmp/log", O_RDONLY);
    CHECK(fstat(fd, &status) == 0 && status.st_size == THREADS * LINES * LINE_BYTES);
    while (read(fd, line, sizeof line) == sizeof line) {
        for (int i = 1; i < LINE_BYTES; i++)
            CHECK(line[i] == line[0]);
        counts[line[0] - 'a']++;
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(counts[i] == LINES);
    puts("ok");
    return 0;
}
