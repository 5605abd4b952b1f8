/* SPDX-License-Identifier: BSD-2-Clause */
/* The RAM file system's nodes, shared by its two halves: names (tmpfs.c), contents
 * (tmpfs_file.c). */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "fs.h"

struct tmpfs_node;

struct tmpfs_entry {
    struct tmpfs_entry *next;
    struct tmpfs_node *node;
    uint64_t cookie; /* ascending in the list: an open directory remembers the last one it gave */
    size_t name_bytes;
    char name[];
};

struct tmpfs_node {
    unsigned references; /* atomic */
    mode_t mode;
    unsigned links;
    uint64_t inode;
    struct timespec accessed, modified, changed;
    char *target; /* of a symbolic link */
    /* A directory's, under the VFS's lock. */
    struct tmpfs_entry *entries;
    uint64_t last_cookie;
    /* A file's, under `lock`: pages that were never written are NULL and read as zeros. */
    struct mutex lock;
    off_t size;
    void **pages;
    size_t page_slots;
};

void tmpfs_now(struct timespec *time);
void tmpfs_put(void *node);
void tmpfs_node_stat(struct tmpfs_node *node, struct stat *status);
/* The file holds the node; its close puts it. */
int tmpfs_file_open(struct fs *fs, struct tmpfs_node *node, int flags, struct file **file);
int tmpfs_resize(struct tmpfs_node *node, off_t size);
void tmpfs_contents_free(struct tmpfs_node *node);

#endif
