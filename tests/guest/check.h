/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For guest tests: a check that fails says where and what, and ends the program with status 1. A
 * test prints `ok` as its last line. Only what a C program on Linux would include.
 */
#ifndef TESTS_GUEST_CHECK_H
#define TESTS_GUEST_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

/* The call fails with this error: -1 and errno. */
#define CHECK_FAILS(call, error)                                                                   \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long result_ = (long)(call);                                                               \
        if (result_ != -1 || errno != (error)) {                                                   \
            fprintf(stderr, "%s:%d: %s gave %ld and errno %d instead of %s\n", __FILE__, __LINE__, \
                    #call, result_, errno, #error);                                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* A value of /proc/metrics, or -1 when there is no such line. */
static inline double metric(const char *name)
{
    FILE *file = fopen("/proc/metrics", "r");
    char line[256];
    double value = -1;
    size_t length = strlen(name);
    if (!file)
        return -1;
    while (value < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            value = strtod(line + length, NULL);
    fclose(file);
    return value;
}

#endif
