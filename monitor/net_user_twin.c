/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User-mode networking in the statically linked `coracle`. A static program starts a third of a
 * millisecond sooner but cannot load libslirp; so with `--net user` it becomes `coracle-user`, the
 * same program linked dynamically with net_user.c in place of this file, which lies beside it.
 */
#include "backends.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

#define TWIN_NAME "coracle-user"

/* All of /proc/self/cmdline: the arguments, each with its NUL. Never freed: exec follows. */
static char *read_command_line(size_t *length)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    size_t capacity = 4096, used = 0;
    char *text = malloc(capacity);
    ssize_t got = -1;

    while (fd >= 0 && text && (got = read(fd, text + used, capacity - used - 1)) > 0) {
        used += (size_t)got;
        if (used + 1 == capacity)
            text = realloc(text, capacity *= 2);
    }
    if (fd >= 0)
        close(fd);
    if (got < 0 || !text)
        return NULL;
    text[used] = 0;
    *length = used;
    return text;
}

static char **split_arguments(char *text, size_t length)
{
    size_t count = 0;
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        count++;
    char **arguments = calloc(count + 1, sizeof *arguments);
    if (!arguments)
        return NULL;
    count = 0;
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        arguments[count++] = text + at;
    return arguments;
}

int net_user_open(const char *spec, struct device **out)
{
    char path[PATH_MAX];
    size_t length = 0;
    char *text = read_command_line(&length);
    char **arguments = text ? split_arguments(text, length) : NULL;
    ssize_t path_length = readlink("/proc/self/exe", path, sizeof path - sizeof TWIN_NAME);

    (void)spec;
    *out = NULL;
    if (!arguments || path_length < 0) {
        say("--net user: %s", strerror(errno));
        return -EIO;
    }
    path[path_length] = 0;
    strcpy(strrchr(path, '/') + 1, TWIN_NAME);
    execv(path, arguments);
    int error = errno;
    say("--net user: %s: %s", path, strerror(error));
    return -error;
}
