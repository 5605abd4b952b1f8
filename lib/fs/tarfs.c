/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The read-only file system on a tar file: the index (tar_index.c) is built when it is mounted,
 * contents are read from the block device when they are asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk_bytes.h"
#include "fs.h"
#include "kernel/blk.h"
#include "kernel/device.h"
#include "kernel/log.h"
#include "seekable.h"
#include "tar_index.h"

struct tarfs {
    struct blk *blk;
    unsigned blk_index;
    struct tar_index index;
};

struct tarfs_file {
    struct file_position position; /* first: seekable.h */
    struct fs *fs;
    const struct tar_node *node;
    const struct tar_node *next; /* of a directory: the entry to come */
};

static const struct tar_node *node_origin(const struct tar_node *node)
{
    return node->origin != NULL ? node->origin : node;
}

static mode_t node_kind(const struct tar_node *node)
{
    switch (node->kind) {
    case TAR_DIRECTORY:
        return S_IFDIR;
    case TAR_SYMLINK:
        return S_IFLNK;
    case TAR_SPECIAL:
        return S_IFIFO;
    default:
        return S_IFREG;
    }
}

static int tarfs_lookup(struct fs *fs, void *directory, struct fs_name name, void **node)
{
    struct tarfs *tarfs = fs->data;
    *node = tar_index_lookup(&tarfs->index, directory, name.text, name.bytes);
    return *node != NULL ? 0 : -ENOENT;
}

static void tarfs_stat(struct fs *fs, void *node, struct stat *status)
{
    const struct tar_node *origin = node_origin(node);

    (void)fs;
    status->st_ino = origin->inode;
    status->st_mode = node_kind(origin) | origin->mode;
    status->st_nlink = (nlink_t)origin->links;
    status->st_uid = origin->uid;
    status->st_gid = origin->gid;
    status->st_size = (off_t)origin->size;
    status->st_blksize = PV_SECTOR_BYTES;
    status->st_blocks = (blkcnt_t)((origin->size + PV_SECTOR_BYTES - 1) / PV_SECTOR_BYTES);
    status->st_mtim.tv_sec = (time_t)origin->mtime_sec;
    status->st_mtim.tv_nsec = (long)origin->mtime_nsec;
    status->st_atim = status->st_ctim = status->st_mtim;
}

static ssize_t tarfs_readlink(struct fs *fs, void *node, char *target, size_t bytes)
{
    const struct tar_node *origin = node_origin(node);

    (void)fs;
    if (origin->kind != TAR_SYMLINK)
        return -EINVAL;
    size_t length = strlen(origin->target);
    if (length > bytes)
        length = bytes;
    memcpy(target, origin->target, length);
    return (ssize_t)length;
}

static ssize_t tarfs_pread(struct file *file, void *data, size_t bytes, off_t offset)
{
    const struct tarfs_file *open_file = file->data;
    const struct tar_node *node = open_file->node;
    struct tarfs *tarfs = open_file->fs->data;

    if (offset < 0)
        return -EINVAL;
    bytes = bytes_below(node->size, offset, bytes);
    if (bytes == 0)
        return 0;
    int result = blk_bytes_read(tarfs->blk, node->offset + (uint64_t)offset, data, bytes);
    return result == 0 ? (ssize_t)bytes : result;
}

static int tarfs_file_stat(struct file *file, struct stat *status)
{
    const struct tarfs_file *open_file = file->data;

    memset(status, 0, sizeof(*status));
    tarfs_stat(open_file->fs, (void *)(uintptr_t)open_file->node, status);
    status->st_dev = open_file->fs->device;
    return 0;
}

static int tarfs_next_entry(struct file *file, struct dirent *entry)
{
    struct tarfs_file *open_file = file->data;
    const struct tar_node *node = open_file->next;

    if (node == NULL)
        return 0;
    open_file->next = node->sibling;
    entry->d_ino = node_origin(node)->inode;
    entry->d_type = (unsigned char)(node_kind(node_origin(node)) >> 12);
    memcpy(entry->d_name, node->name, node->name_bytes + 1);
    return 1;
}

/* A directory's position is rewound only. */
static off_t tarfs_directory_lseek(struct file *file, off_t offset, int whence)
{
    struct tarfs_file *open_file = file->data;

    if (offset != 0 || whence != SEEK_SET)
        return -EINVAL;
    open_file->next = open_file->node->first;
    return 0;
}

static void tarfs_close(struct file *file)
{
    free(file->data);
}

static const struct file_ops file_ops = {
    .read = seekable_read,
    .pread = tarfs_pread,
    .lseek = seekable_lseek,
    .stat = tarfs_file_stat,
    .close = tarfs_close,
};

static const struct file_ops directory_ops = {
    .lseek = tarfs_directory_lseek,
    .stat = tarfs_file_stat,
    .next_entry = tarfs_next_entry,
    .close = tarfs_close,
};

static int tarfs_open(struct fs *fs, void *node, int flags, struct file **file)
{
    const struct tar_node *origin = node_origin(node);
    struct tarfs_file *open_file;

    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
        return -EROFS;
    if (origin->kind == TAR_REFUSED)
        return -EOPNOTSUPP;
    if (origin->kind == TAR_SPECIAL)
        return -ENXIO;
    open_file = calloc(1, sizeof(*open_file));
    if (open_file == NULL)
        return -ENOMEM;
    open_file->fs = fs;
    open_file->node = origin;
    open_file->next = origin->first;
    *file = file_new(origin->kind == TAR_DIRECTORY ? &directory_ops : &file_ops, open_file, flags);
    if (*file == NULL) {
        free(open_file);
        return -ENOMEM;
    }
    return 0;
}

static const struct fs_ops tarfs_ops = {
    .lookup = tarfs_lookup,
    .stat = tarfs_stat,
    .readlink = tarfs_readlink,
    .open = tarfs_open,
};

static int device_read(void *context, uint64_t offset, void *data, size_t bytes)
{
    const struct tarfs *tarfs = context;
    return blk_bytes_read(tarfs->blk, offset, data, bytes);
}

static void member_refused(void *context, const char *name, const char *why)
{
    const struct tarfs *tarfs = context;
    log_line("blk%u: \"%s\": %s", tarfs->blk_index, name, why);
}

int tarfs_mount(struct fs *fs, unsigned blk_index)
{
    struct tarfs *tarfs = calloc(1, sizeof(*tarfs));
    struct blk_info info;
    int result = -ENOMEM;

    if (tarfs == NULL)
        goto fail;
    tarfs->blk_index = blk_index;
    result = blk_open(blk_index, &tarfs->blk);
    if (result != 0)
        goto fail;
    blk_info_now(tarfs->blk, &info);
    result = tar_index_build(&tarfs->index, device_read, tarfs, info.sector_count * PV_SECTOR_BYTES,
                             member_refused, tarfs);
    if (result != 0)
        goto fail;
    fs->ops = &tarfs_ops;
    fs->root = tarfs->index.root;
    fs->data = tarfs;
    return 0;
fail:
    free(tarfs);
    return result;
}
