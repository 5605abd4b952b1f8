/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of names that a tar file describes, built once and then only read. Like tar.h it knows
 * no device: tests and fuzzers build it from memory. Allocates with malloc; tar_index_free frees
 * all.
 */
#ifndef FS_TAR_INDEX_H
#define FS_TAR_INDEX_H

#include "tar.h"

struct tar_node {
    struct tar_node *parent; /* the root's is itself */
    struct tar_node *hash_next, *sibling;
    struct tar_node *first, *last; /* a directory's entries, in the archive's order */
    struct tar_node *origin;       /* of a hard link: the file itself; otherwise NULL */
    enum tar_kind kind;            /* never TAR_HARD_LINK */
    uint32_t mode, uid, gid, links;
    uint64_t inode, size, offset;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
    char *target; /* of a symbolic link */
    size_t name_bytes;
    char name[];
};

struct tar_index {
    struct tar_node *root;
    struct tar_node **buckets;
    size_t bucket_count, node_count;
    uint64_t next_inode;
};

/* Hears of each member that cannot be served, and why. */
typedef void (*tar_report)(void *context, const char *name, const char *why);

/*
 * Reads a whole archive. 0; -EINVAL (and an empty index) when it does not begin like a tar file;
 * -ENOMEM; or what `read` answered for the first header. An archive that breaks off later keeps
 * what came before and is reported.
 */
int tar_index_build(struct tar_index *index, tar_read read, void *read_context, uint64_t bytes,
                    tar_report report, void *report_context);
void tar_index_free(struct tar_index *index);

/* The entry of a directory, or NULL. A hard link's own node: see `origin` for what it shares. */
struct tar_node *tar_index_lookup(const struct tar_index *index, const struct tar_node *directory,
                                  const char *name, size_t name_bytes);

#endif
