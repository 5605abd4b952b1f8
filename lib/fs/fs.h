/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file system is, to the VFS: an operation table over nodes. A node is a pointer that only
 * its file system understands. All operations but those of open files run under the VFS's lock, so
 * they must not wait for the program; open files carry on without it.
 */
#ifndef FS_FS_H
#define FS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "file.h"

struct fs;

/* A name within a directory: not terminated. */
struct fs_name {
    const char *text;
    size_t bytes;
};

#define FS_NAME_MAX 255u

/* Operations that are NULL answer -EROFS (those that change) or -EINVAL (readlink). */
struct fs_ops {
    /* Finds `name`, never "." or "..", in a directory: 0 with a reference, -ENOENT. */
    int (*lookup)(struct fs *fs, void *directory, struct fs_name name, void **node);
    void (*get)(void *node); /* NULL: nodes live for ever; likewise put */
    void (*put)(void *node);
    void (*stat)(struct fs *fs, void *node, struct stat *status); /* st_dev is the VFS's */
    ssize_t (*readlink)(struct fs *fs, void *node, char *target, size_t bytes);
    /* Opens a node (a directory too). The file holds a reference of its own. */
    int (*open)(struct fs *fs, void *node, int flags, struct file **file);
    /* `mode` holds the kind: S_IFREG, S_IFDIR, or S_IFLNK with a target. */
    int (*create)(struct fs *fs, void *directory, struct fs_name name, mode_t mode,
                  const char *target, void **node);
    int (*unlink)(struct fs *fs, void *directory, struct fs_name name, bool is_directory);
    int (*link)(struct fs *fs, void *node, void *directory, struct fs_name name);
    int (*rename)(struct fs *fs, void *from, struct fs_name from_name, void *to,
                  struct fs_name to_name);
    int (*truncate)(struct fs *fs, void *node, off_t size);
    int (*chmod)(struct fs *fs, void *node, mode_t mode);
    int (*utimens)(struct fs *fs, void *node, const struct timespec times[2]);
};

struct fs {
    const struct fs_ops *ops;
    void *root;
    void *data;   /* the file system's own */
    dev_t device; /* st_dev of its files, given by the VFS */
};

/* The file systems there are. Each is made once, when a path first needs it; negative errno. */
int tmpfs_mount(struct fs *fs);
int devfs_mount(struct fs *fs);
int procfs_mount(struct fs *fs);
/* The tar file on a block device: -ENODEV when there is no such device, -EINVAL when it holds no
 * tar file; what it refuses is logged by name. */
int tarfs_mount(struct fs *fs, unsigned blk_index);

/* A directory that holds nothing: the root where there is no disk. */
int emptyfs_mount(struct fs *fs);

#endif
