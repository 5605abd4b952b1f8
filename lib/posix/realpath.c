/* SPDX-License-Identifier: BSD-2-Clause */
/* realpath: the absolute path without links, dots and doubled slashes; every component must exist. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "vfs.h"

struct resolution {
    char path[PATH_MAX];    /* resolved so far, without a slash at its end; "" is the root */
    char pending[PATH_MAX]; /* still to be resolved */
    unsigned links;
};

/* Puts text in front of what is pending. */
static int pending_prepend(struct resolution *state, const char *text, size_t length)
{
    size_t rest = strlen(state->pending) + 1;
    if (length + 1 + rest > sizeof state->pending)
        return -ENAMETOOLONG;
    memmove(state->pending + length + 1, state->pending, rest);
    memcpy(state->pending, text, length);
    state->pending[length] = '/';
    return 0;
}

static void path_up(struct resolution *state)
{
    char *slash = strrchr(state->path, '/');
    if (slash)
        *slash = '\0';
}

/* Steps into a component that stands at the end of state->path. */
static int component_enter(struct resolution *state)
{
    struct stat status;
    int result = vfs_lstat(state->path, &status);
    if (result < 0)
        return result;
    if (!S_ISLNK(status.st_mode))
        return state->pending[0] && !S_ISDIR(status.st_mode) ? -ENOTDIR : 0;
    if (++state->links > SYMLOOP_MAX)
        return -ELOOP;
    char target[PATH_MAX];
    ssize_t length = vfs_readlink(state->path, target, sizeof target);
    if (length < 0)
        return (int)length;
    if (target[0] == '/')
        state->path[0] = '\0';
    else
        path_up(state);
    return pending_prepend(state, target, (size_t)length);
}

static int component_take(struct resolution *state)
{
    char *begin = state->pending + strspn(state->pending, "/");
    size_t length = strcspn(begin, "/");
    char name[NAME_MAX + 1];
    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, begin, length);
    name[length] = '\0';
    memmove(state->pending, begin + length, strlen(begin + length) + 1);
    if (length == 0 || strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        path_up(state);
        return 0;
    }
    size_t path_length = strlen(state->path);
    if (path_length + 1 + length >= sizeof state->path)
        return -ENAMETOOLONG;
    state->path[path_length] = '/';
    memcpy(state->path + path_length + 1, name, length + 1);
    return component_enter(state);
}

static int resolve(struct resolution *state, const char *path)
{
    if (path[0] == '\0')
        return -ENOENT;
    if (strlen(path) >= sizeof state->pending)
        return -ENAMETOOLONG;
    strcpy(state->pending, path);
    state->path[0] = '\0';
    state->links = 0;
    int result = 0;
    if (path[0] != '/') {
        result = vfs_getcwd(state->path, sizeof state->path);
        if (result > 0 && strcmp(state->path, "/") == 0)
            state->path[0] = '\0';
    }
    while (result >= 0 && state->pending[0])
        result = component_take(state);
    if (result >= 0 && state->path[0] == '\0')
        strcpy(state->path, "/");
    return result < 0 ? result : 0;
}

char *realpath(const char *restrict path, char *restrict resolved)
{
    if (!path) {
        errno = EINVAL;
        return NULL;
    }
    struct resolution *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    int result = resolve(state, path);
    char *answer = NULL;
    if (result < 0)
        errno = -result;
    else
        answer = resolved ? strcpy(resolved, state->path) : strdup(state->path);
    free(state);
    return answer;
}
