/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path resolution: from the root or the working directory, component by component, through links
 * and mount points. Used by vfs.c with the VFS's lock held.
 */
#ifndef FS_WALK_H
#define FS_WALK_H

#include <limits.h>

#include "fs.h"

#define WALK_DEPTH_MAX 64u
#define WALK_LINKS_MAX 16u

/* Where a walk is: a node and its file system. */
struct place {
    struct fs *fs;
    void *node;
};

enum walk_mode {
    WALK_FOLLOW,    /* to the end, through a link at the end too */
    WALK_NO_FOLLOW, /* to the end; a link there is the result */
    WALK_PARENT,    /* to the directory that holds the last component, which is not looked up */
};

struct walk {
    struct place stack[WALK_DEPTH_MAX]; /* from the root to where the walk is, for ".." */
    unsigned depth;                     /* at least 1 while a walk is held */
    unsigned links;
    bool wants_directory; /* the path ended with a slash */
    /* The last component: of WALK_PARENT always, of the others when the result is -ENOENT because
     * it alone is missing (`missing` is then true and the walk stands at its directory). */
    bool missing;
    struct fs_name last;
    char last_text[FS_NAME_MAX + 1];
    char rest[PATH_MAX]; /* still to be walked */
    char real[PATH_MAX]; /* the absolute path of where the walk is, free of links and dots */
    size_t real_bytes;   /* 0 at the root */
};

/* The root's place, and what is mounted on a name there; by vfs.c. */
struct place vfs_root(void);
struct fs *vfs_mounted(struct fs_name name);

/* Walks; 0, or a negative errno. walk_end must follow in every case. `start` is the absolute path
 * of the working directory. */
int walk_begin(struct walk *walk, const char *start, const char *path, enum walk_mode mode);
void walk_end(struct walk *walk);

static inline struct place walk_place(const struct walk *walk)
{
    return walk->stack[walk->depth - 1];
}

bool place_is_directory(struct place place);

#endif
