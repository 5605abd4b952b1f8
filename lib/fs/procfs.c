/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc: what the kernel counts, as text made when the file is opened. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/metrics.h"
#include "seekable.h"
#include "staticfs.h"

struct snapshot {
    struct file_position position; /* first: seekable.h */
    const struct staticfs_entry *entry;
    size_t bytes;
    char text[];
};

static ssize_t snapshot_pread(struct file *file, void *data, size_t bytes, off_t offset)
{
    const struct snapshot *snapshot = file->data;

    if (offset < 0)
        return -EINVAL;
    bytes = bytes_below(snapshot->bytes, offset, bytes);
    if (bytes > 0)
        memcpy(data, snapshot->text + offset, bytes);
    return (ssize_t)bytes;
}

static int snapshot_stat(struct file *file, struct stat *status)
{
    const struct snapshot *snapshot = file->data;

    memset(status, 0, sizeof(*status));
    staticfs_stat_entry(snapshot->entry, status);
    return 0;
}

static void snapshot_close(struct file *file)
{
    free(file->data);
}

static const struct file_ops snapshot_ops = {
    .read = seekable_read,
    .pread = snapshot_pread,
    .lseek = seekable_lseek,
    .stat = snapshot_stat,
    .close = snapshot_close,
};

static int metrics_open(const struct staticfs_entry *entry, int flags, struct file **file)
{
    static const char end[] = "# EOF\n";
    /* Counters may grow a digit between measuring and writing. */
    size_t room = metrics_format(NULL, 0) + 256;
    struct snapshot *snapshot = malloc(sizeof(*snapshot) + room + sizeof(end));

    if (snapshot == NULL)
        return -ENOMEM;
    memset(snapshot, 0, sizeof(*snapshot));
    snapshot->entry = entry;
    size_t bytes = metrics_format(snapshot->text, room);
    if (bytes >= room)
        bytes = room - 1;
    memcpy(snapshot->text + bytes, end, sizeof(end));
    snapshot->bytes = bytes + sizeof(end) - 1;
    *file = file_new(&snapshot_ops, snapshot, flags);
    if (*file == NULL) {
        free(snapshot);
        return -ENOMEM;
    }
    return 0;
}

static const struct staticfs_entry entries[] = {
    {.name = "metrics", .mode = S_IFREG | 0444, .open = metrics_open},
};

int procfs_mount(struct fs *fs)
{
    return staticfs_mount(fs, entries, sizeof(entries) / sizeof(entries[0]));
}
