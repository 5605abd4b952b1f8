/* SPDX-License-Identifier: BSD-2-Clause */
/* dirname and basename (POSIX.1-2024): both may write into the path that they are given. */
#include <libgen.h>
#include <string.h>

/* Cuts slashes off the end, but not the first character. Returns the length that is left. */
static size_t trim(const char *path, size_t length)
{
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

char *basename(char *path)
{
    static char dot[] = ".";
    if (!path || !path[0])
        return dot;
    size_t end = trim(path, strlen(path));
    path[end] = '\0';
    char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

char *dirname(char *path)
{
    static char dot[] = ".";
    if (!path || !path[0])
        return dot;
    size_t end = trim(path, strlen(path));
    while (end > 0 && path[end - 1] != '/')
        end--;
    if (end == 0)
        return dot;
    path[trim(path, end)] = '\0';
    return path;
}
