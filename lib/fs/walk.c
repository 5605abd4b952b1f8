/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path resolution. The walk keeps the whole way from the root on a stack, so ".." needs no help
 * from file systems and cannot lead out of the root.
 */
#include "walk.h"

#include <errno.h>
#include <string.h>

static mode_t place_mode(struct place place)
{
    struct stat status;

    memset(&status, 0, sizeof(status));
    place.fs->ops->stat(place.fs, place.node, &status);
    return status.st_mode;
}

bool place_is_directory(struct place place)
{
    return S_ISDIR(place_mode(place));
}

static void place_put(struct place place)
{
    if (place.fs->ops->put != NULL)
        place.fs->ops->put(place.node);
}

/* Enters `place` by the name `last`. Takes over the caller's reference. */
static int walk_push(struct walk *walk, struct place place)
{
    size_t end = walk->real_bytes + 1 + walk->last.bytes;

    if (walk->depth == WALK_DEPTH_MAX || end >= sizeof(walk->real)) {
        place_put(place);
        return -ENAMETOOLONG;
    }
    walk->stack[walk->depth++] = place;
    walk->real[walk->real_bytes] = '/';
    strcpy(walk->real + walk->real_bytes + 1, walk->last_text);
    walk->real_bytes = end;
    return 0;
}

static void walk_pop(struct walk *walk)
{
    place_put(walk->stack[--walk->depth]);
    while (walk->real_bytes > 0 && walk->real[--walk->real_bytes] != '/')
        ;
    walk->real[walk->real_bytes] = '\0';
}

static void push_root(struct walk *walk)
{
    struct place root = vfs_root();

    if (root.fs->ops->get != NULL)
        root.fs->ops->get(root.node);
    walk->stack[walk->depth++] = root;
    walk->real[0] = '\0';
    walk->real_bytes = 0;
}

/* Puts the target of the link at the top of the stack before the rest of the path, and steps back
 * to where the link was found. */
static int link_expand(struct walk *walk)
{
    struct place link = walk_place(walk);
    char target[PATH_MAX];
    size_t rest_bytes = strlen(walk->rest);

    if (++walk->links > WALK_LINKS_MAX)
        return -ELOOP;
    ssize_t bytes = link.fs->ops->readlink(link.fs, link.node, target, sizeof(target));
    if (bytes < 0)
        return (int)bytes;
    if (bytes == 0)
        return -ENOENT;
    if ((size_t)bytes + 1 + rest_bytes + 1 > sizeof(walk->rest))
        return -ENAMETOOLONG;
    memmove(walk->rest + bytes + 1, walk->rest, rest_bytes + 1);
    memcpy(walk->rest, target, (size_t)bytes);
    walk->rest[bytes] = rest_bytes > 0 ? '/' : '\0';
    walk_pop(walk);
    if (target[0] == '/') {
        while (walk->depth > 0)
            walk_pop(walk);
        push_root(walk);
    }
    return 0;
}

/* Takes the next component off `rest` into last: 1, 0 at the end, or -ENAMETOOLONG. */
static int component_take(struct walk *walk)
{
    const char *at = walk->rest;

    while (*at == '/')
        at++;
    size_t bytes = strcspn(at, "/");
    if (bytes == 0)
        return 0;
    if (bytes > FS_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(walk->last_text, at, bytes);
    walk->last_text[bytes] = '\0';
    walk->last.text = walk->last_text;
    walk->last.bytes = bytes;
    at += bytes;
    walk->wants_directory = *at == '/';
    while (*at == '/')
        at++;
    memmove(walk->rest, at, strlen(at) + 1);
    return 1;
}

/* Enters the component `last`. */
static int component_enter(struct walk *walk)
{
    struct place here = walk_place(walk), next;
    const char *name = walk->last_text;

    if (!place_is_directory(here))
        return -ENOTDIR;
    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        if (walk->depth > 1)
            walk_pop(walk);
        return 0;
    }
    next.fs = walk->depth == 1 ? vfs_mounted(walk->last) : NULL;
    if (next.fs != NULL) {
        next.node = next.fs->root;
        if (next.fs->ops->get != NULL)
            next.fs->ops->get(next.node);
        return walk_push(walk, next);
    }
    next.fs = here.fs;
    int result = here.fs->ops->lookup(here.fs, here.node, walk->last, &next.node);
    if (result != 0) {
        walk->missing = result == -ENOENT && walk->rest[0] == '\0';
        return result;
    }
    return walk_push(walk, next);
}

static int walk_on(struct walk *walk, enum walk_mode mode)
{
    for (;;) {
        int result = component_take(walk);
        if (result <= 0)
            return result;
        bool at_end = walk->rest[0] == '\0';
        if (at_end && mode == WALK_PARENT)
            return place_is_directory(walk_place(walk)) ? 0 : -ENOTDIR;
        result = component_enter(walk);
        if (result != 0)
            return result;
        bool follow = !at_end || mode == WALK_FOLLOW || walk->wants_directory;
        if (follow && S_ISLNK(place_mode(walk_place(walk)))) {
            bool wants_directory = walk->wants_directory;
            result = link_expand(walk);
            if (result != 0)
                return result;
            if (at_end && wants_directory && strlen(walk->rest) + 2 <= sizeof(walk->rest))
                strcat(walk->rest, "/");
        }
    }
}

int walk_begin(struct walk *walk, const char *start, const char *path, enum walk_mode mode)
{
    int result;

    walk->depth = 0;
    walk->links = 0;
    walk->missing = false;
    walk->wants_directory = false;
    walk->last.bytes = 0;
    push_root(walk);
    if (path[0] == '\0')
        return -ENOENT;
    if (strlen(path) >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    if (path[0] != '/') {
        strcpy(walk->rest, start);
        result = walk_on(walk, WALK_FOLLOW);
        walk->missing = false;
        if (result != 0)
            return result;
    }
    strcpy(walk->rest, path);
    walk->last.bytes = 0;
    result = walk_on(walk, mode);
    if (result == 0 && mode != WALK_PARENT && walk->wants_directory &&
        !place_is_directory(walk_place(walk)))
        result = -ENOTDIR;
    return result;
}

void walk_end(struct walk *walk)
{
    while (walk->depth > 0)
        walk_pop(walk);
}
