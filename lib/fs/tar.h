/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tar format, member by member: ustar, the older v7, GNU long names and base-256 numbers, pax
 * headers (POSIX.1-2017, pax, "pax Interchange Format" and "ustar Interchange Format"). Knows no
 * file system and no device, so that it is tested and fuzzed on the host. Trusts nothing it reads.
 *
 *     struct tar tar;
 *     tar_begin(&tar, read, context, bytes);
 *     while ((result = tar_next(&tar, &member)) == 1) ...
 *     tar_end(&tar);
 */
#ifndef FS_TAR_H
#define FS_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK_BYTES 512u
#define TAR_NAME_MAX 4095u           /* bytes in a member's name or a link's target */
#define TAR_EXTENSION_MAX (1u << 20) /* bytes in a pax header or a GNU long name */

/* Reads exactly `bytes` bytes at `offset`; 0 or a negative errno. */
typedef int (*tar_read)(void *context, uint64_t offset, void *data, size_t bytes);

enum tar_kind {
    TAR_FILE,
    TAR_DIRECTORY,
    TAR_SYMLINK,
    TAR_HARD_LINK,
    TAR_SPECIAL, /* a device or a FIFO: has a name and no contents here */
    TAR_REFUSED, /* cannot be served; `refusal` says why */
};

struct tar_member {
    enum tar_kind kind;
    const char *name; /* as written, terminated; belongs to the tar, until the next call */
    const char *link; /* target of a link, likewise */
    const char *refusal;
    uint32_t mode; /* permission bits */
    uint32_t uid, gid;
    uint64_t size;   /* bytes of a file's contents, 0 for all else */
    uint64_t offset; /* where they begin; they lie within the device */
    int64_t mtime_sec;
    uint32_t mtime_nsec;
};

/* What an extended header says; the global one holds for all members that follow. */
struct tar_attributes {
    char *path, *linkpath; /* allocated, or NULL */
    uint64_t size, uid, gid;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
    bool has_size, has_uid, has_gid, has_mtime, is_sparse;
};

struct tar {
    tar_read read;
    void *context;
    uint64_t bytes;    /* of the device */
    uint64_t offset;   /* of the next header */
    const char *error; /* after a negative result: what is wrong, in a few words */
    struct tar_attributes global, local;
    char name[TAR_NAME_MAX + 1], link[TAR_NAME_MAX + 1];
};

void tar_begin(struct tar *tar, tar_read read, void *context, uint64_t bytes);
/* 1 with a member, 0 at the end, or a negative errno: -EINVAL when this is no tar file (any more),
 * what `read` answered, -ENOMEM. */
int tar_next(struct tar *tar, struct tar_member *member);
void tar_end(struct tar *tar);

#endif
