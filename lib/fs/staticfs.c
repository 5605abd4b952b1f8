/* SPDX-License-Identifier: BSD-2-Clause */
/* One read-only directory of fixed names, for /dev, /proc and an empty root. */
#include "staticfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct staticfs {
    const struct staticfs_entry *entries;
    unsigned count;
};

/* The open directory. */
struct listing {
    struct fs *fs;
    unsigned next;
};

/* The root's node is the file system itself; an entry's node is the entry. */
static int staticfs_lookup(struct fs *fs, void *directory, struct fs_name name, void **node)
{
    const struct staticfs *all = fs->data;

    (void)directory;
    for (unsigned i = 0; i < all->count; i++)
        if (strlen(all->entries[i].name) == name.bytes &&
            memcmp(all->entries[i].name, name.text, name.bytes) == 0) {
            *node = (void *)(uintptr_t)&all->entries[i];
            return 0;
        }
    return -ENOENT;
}

void staticfs_stat_entry(const struct staticfs_entry *entry, struct stat *status)
{
    status->st_mode = entry->mode;
    status->st_nlink = 1;
    status->st_ino = (ino_t)(uintptr_t)entry;
    status->st_blksize = 4096;
    if (entry->stat != NULL)
        entry->stat(entry, status);
}

static void staticfs_stat(struct fs *fs, void *node, struct stat *status)
{
    if (node != fs->root) {
        staticfs_stat_entry(node, status);
        return;
    }
    status->st_mode = S_IFDIR | 0555;
    status->st_nlink = 2;
    status->st_ino = 1;
}

static int listing_stat(struct file *file, struct stat *status)
{
    const struct listing *listing = file->data;

    memset(status, 0, sizeof(*status));
    staticfs_stat(listing->fs, listing->fs->root, status);
    status->st_dev = listing->fs->device;
    return 0;
}

static int listing_next_entry(struct file *file, struct dirent *entry)
{
    struct listing *listing = file->data;
    const struct staticfs *all = listing->fs->data;

    if (listing->next >= all->count)
        return 0;
    const struct staticfs_entry *from = &all->entries[listing->next++];
    entry->d_ino = (ino_t)(uintptr_t)from;
    entry->d_type = (unsigned char)((from->mode & S_IFMT) >> 12);
    strcpy(entry->d_name, from->name);
    return 1;
}

static off_t listing_lseek(struct file *file, off_t offset, int whence)
{
    struct listing *listing = file->data;

    if (offset != 0 || whence != SEEK_SET)
        return -EINVAL;
    listing->next = 0;
    return 0;
}

static void listing_close(struct file *file)
{
    free(file->data);
}

static const struct file_ops listing_ops = {
    .lseek = listing_lseek,
    .stat = listing_stat,
    .next_entry = listing_next_entry,
    .close = listing_close,
};

static int staticfs_open(struct fs *fs, void *node, int flags, struct file **file)
{
    if (node != fs->root) {
        const struct staticfs_entry *entry = node;
        bool writes = (flags & O_ACCMODE) != O_RDONLY;
        return writes && !(entry->mode & 0222) ? -EACCES : entry->open(entry, flags, file);
    }
    struct listing *listing = malloc(sizeof(*listing));
    if (listing == NULL)
        return -ENOMEM;
    listing->fs = fs;
    listing->next = 0;
    *file = file_new(&listing_ops, listing, flags);
    if (*file == NULL) {
        free(listing);
        return -ENOMEM;
    }
    return 0;
}

static const struct fs_ops staticfs_ops = {
    .lookup = staticfs_lookup,
    .stat = staticfs_stat,
    .open = staticfs_open,
};

int staticfs_mount(struct fs *fs, const struct staticfs_entry *entries, unsigned count)
{
    struct staticfs *all = malloc(sizeof(*all));

    if (all == NULL)
        return -ENOMEM;
    all->entries = entries;
    all->count = count;
    fs->ops = &staticfs_ops;
    fs->data = all;
    fs->root = all;
    return 0;
}

int emptyfs_mount(struct fs *fs)
{
    return staticfs_mount(fs, NULL, 0);
}
