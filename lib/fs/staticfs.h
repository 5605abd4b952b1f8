/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system of one directory whose names are known when it is made: /dev, /proc and the empty
 * root are such. Each entry is opened by a function of its own.
 */
#ifndef FS_STATICFS_H
#define FS_STATICFS_H

#include "fs.h"

struct staticfs_entry {
    char name[16];
    mode_t mode; /* kind and permissions */
    uint64_t argument;
    /* Makes the open file; `flags` were checked against `mode`. */
    int (*open)(const struct staticfs_entry *entry, int flags, struct file **file);
    /* Size and the like, where they are not zero; may be NULL. */
    void (*stat)(const struct staticfs_entry *entry, struct stat *status);
};

/* `entries` stay the caller's and must live as long as the file system. */
int staticfs_mount(struct fs *fs, const struct staticfs_entry *entries, unsigned count);

/* What a file of such an entry answers to stat (st_dev is set too). */
void staticfs_stat_entry(const struct staticfs_entry *entry, struct stat *status);

#endif
