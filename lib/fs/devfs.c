/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev: null, zero, random, urandom, and one blkN for each block device. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "blk_bytes.h"
#include "kernel/blk.h"
#include "kernel/device.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "seekable.h"
#include "staticfs.h"

static int entry_file_stat(struct file *file, struct stat *status)
{
    memset(status, 0, sizeof(*status));
    staticfs_stat_entry(file->data, status);
    return 0;
}

static ssize_t null_read(struct file *file, void *data, size_t bytes)
{
    (void)file, (void)data, (void)bytes;
    return 0;
}

static ssize_t null_write(struct file *file, const void *data, size_t bytes)
{
    (void)file, (void)data;
    return (ssize_t)bytes;
}

static ssize_t zero_read(struct file *file, void *data, size_t bytes)
{
    (void)file;
    memset(data, 0, bytes);
    return (ssize_t)bytes;
}

static ssize_t random_read(struct file *file, void *data, size_t bytes)
{
    (void)file;
    random_bytes(data, bytes);
    return (ssize_t)bytes;
}

static ssize_t random_write(struct file *file, const void *data, size_t bytes)
{
    (void)file;
    random_mix(data, bytes);
    return (ssize_t)bytes;
}

static const struct file_ops null_ops = {
    .read = null_read, .write = null_write, .stat = entry_file_stat};
static const struct file_ops zero_ops = {
    .read = zero_read, .write = null_write, .stat = entry_file_stat};
static const struct file_ops random_ops = {
    .read = random_read, .write = random_write, .stat = entry_file_stat};

static int simple_open(const struct file_ops *ops, const struct staticfs_entry *entry, int flags,
                       struct file **file)
{
    *file = file_new(ops, (void *)(uintptr_t)entry, flags);
    return *file != NULL ? 0 : -ENOMEM;
}

static int null_open(const struct staticfs_entry *entry, int flags, struct file **file)
{
    return simple_open(&null_ops, entry, flags, file);
}

static int zero_open(const struct staticfs_entry *entry, int flags, struct file **file)
{
    return simple_open(&zero_ops, entry, flags, file);
}

static int random_open(const struct staticfs_entry *entry, int flags, struct file **file)
{
    return simple_open(&random_ops, entry, flags, file);
}

/* ---- blkN: bytes of a block device, raw ---- */

struct raw {
    struct file_position position; /* first: seekable.h */
    struct blk *blk;
    const struct staticfs_entry *entry;
    bool direct; /* O_DIRECT: whole blocks, past the cache */
};

static uint64_t raw_bytes(const struct raw *raw)
{
    struct blk_info info;
    blk_info_now(raw->blk, &info);
    return info.sector_count * PV_SECTOR_BYTES;
}

/* How many of `bytes` bytes from `offset` on the disk has. It is asked only for what lies beyond its
 * known end: each question is a trip to the host. */
static size_t raw_room(const struct raw *raw, off_t offset, size_t bytes)
{
    struct blk_info info;
    size_t room;

    blk_info(raw->blk, &info);
    room = bytes_below(info.sector_count * PV_SECTOR_BYTES, offset, bytes);
    return room == bytes ? room : bytes_below(raw_bytes(raw), offset, bytes);
}

static ssize_t raw_pread(struct file *file, void *data, size_t bytes, off_t offset)
{
    const struct raw *raw = file->data;

    if (offset < 0)
        return -EINVAL;
    bytes = raw_room(raw, offset, bytes);
    int result = (raw->direct ? blk_bytes_read_direct : blk_bytes_read)(raw->blk, (uint64_t)offset,
                                                                        data, bytes);
    return result == 0 ? (ssize_t)bytes : result;
}

static ssize_t raw_pwrite(struct file *file, const void *data, size_t bytes, off_t offset)
{
    const struct raw *raw = file->data;

    if (offset < 0)
        return -EINVAL;
    size_t room = raw_room(raw, offset, bytes);
    if (room == 0 && bytes > 0)
        return -ENOSPC;
    int result = blk_bytes_write(raw->blk, (uint64_t)offset, data, room);
    return result == 0 ? (ssize_t)room : result;
}

static int raw_stat(struct file *file, struct stat *status)
{
    const struct raw *raw = file->data;

    memset(status, 0, sizeof(*status));
    staticfs_stat_entry(raw->entry, status);
    status->st_size = (off_t)raw_bytes(raw);
    return 0;
}

static int raw_sync(struct file *file)
{
    const struct raw *raw = file->data;
    return blk_flush(raw->blk);
}

static void raw_close(struct file *file)
{
    free(file->data);
}

static const struct file_ops raw_ops = {
    .read = seekable_read,
    .write = seekable_write,
    .pread = raw_pread,
    .pwrite = raw_pwrite,
    .lseek = seekable_lseek,
    .stat = raw_stat,
    .sync = raw_sync,
    .close = raw_close,
};

static int raw_open(const struct staticfs_entry *entry, int flags, struct file **file)
{
    struct raw *raw = calloc(1, sizeof(*raw));
    struct blk_info info;
    int result = -ENOMEM;

    if (raw == NULL)
        return result;
    raw->entry = entry;
    raw->direct = (flags & O_DIRECT) != 0;
    result = blk_open((unsigned)entry->argument, &raw->blk);
    if (result != 0)
        goto fail;
    blk_info_now(raw->blk, &info);
    result = -EROFS;
    if (info.read_only && (flags & O_ACCMODE) != O_RDONLY)
        goto fail;
    result = -ENOMEM;
    *file = file_new(&raw_ops, raw, flags);
    if (*file == NULL)
        goto fail;
    return 0;
fail:
    free(raw);
    return result;
}

static const struct staticfs_entry fixed[] = {
    {.name = "null", .mode = S_IFCHR | 0666, .open = null_open},
    {.name = "zero", .mode = S_IFCHR | 0666, .open = zero_open},
    {.name = "random", .mode = S_IFCHR | 0666, .open = random_open},
    {.name = "urandom", .mode = S_IFCHR | 0666, .open = random_open},
};
#define FIXED_COUNT (sizeof(fixed) / sizeof(fixed[0]))

int devfs_mount(struct fs *fs)
{
    unsigned disks = blk_count();
    struct staticfs_entry *entries = calloc(FIXED_COUNT + disks, sizeof(*entries));

    if (entries == NULL)
        return -ENOMEM;
    memcpy(entries, fixed, sizeof(fixed));
    for (unsigned i = 0; i < disks; i++) {
        struct staticfs_entry *entry = &entries[FIXED_COUNT + i];
        format_line(entry->name, sizeof(entry->name), "blk%u", i);
        entry->mode = S_IFBLK | 0660;
        entry->argument = i;
        entry->open = raw_open;
    }
    int result = staticfs_mount(fs, entries, (unsigned)(FIXED_COUNT + disks));
    if (result != 0)
        free(entries);
    return result;
}
