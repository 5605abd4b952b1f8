/* SPDX-License-Identifier: BSD-2-Clause */
/* The RAM file system's contents: pages of files, and open files and directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/page.h"
#include "seekable.h"
#include "tmpfs.h"
#include "vfs_lock.h"

struct tmpfs_file {
    struct file_position position; /* first: seekable.h */
    struct fs *fs;
    struct tmpfs_node *node;
    uint64_t cookie; /* of a directory: the last entry given */
};

static void page_release(struct tmpfs_node *node, size_t index)
{
    if (node->pages[index] != NULL)
        page_free(node->pages[index], 1);
    node->pages[index] = NULL;
}

void tmpfs_contents_free(struct tmpfs_node *node)
{
    for (size_t index = 0; index < node->page_slots; index++)
        page_release(node, index);
    free(node->pages);
    node->pages = NULL;
    node->page_slots = 0;
}

/* Makes room for page number `index`. */
static int slots_reserve(struct tmpfs_node *node, size_t index)
{
    size_t slots = node->page_slots;
    void **pages;

    if (index < slots)
        return 0;
    slots = slots * 2 > index + 1 ? slots * 2 : index + 1;
    pages = realloc(node->pages, slots * sizeof(*pages));
    if (pages == NULL)
        return -ENOSPC;
    memset(pages + node->page_slots, 0, (slots - node->page_slots) * sizeof(*pages));
    node->pages = pages;
    node->page_slots = slots;
    return 0;
}

int tmpfs_resize(struct tmpfs_node *node, off_t size)
{
    if (S_ISDIR(node->mode))
        return -EISDIR;
    if (size < 0 || !S_ISREG(node->mode))
        return -EINVAL;
    mutex_lock(&node->lock);
    if (size < node->size) {
        size_t keep = ((size_t)size + PAGE_BYTES - 1) / PAGE_BYTES;
        size_t tail = (size_t)size % PAGE_BYTES;
        for (size_t index = keep; index < node->page_slots; index++)
            page_release(node, index);
        /* What is cut off must not come back when the file grows again. */
        if (tail != 0 && keep - 1 < node->page_slots && node->pages[keep - 1] != NULL)
            memset((char *)node->pages[keep - 1] + tail, 0, PAGE_BYTES - tail);
    }
    node->size = size;
    tmpfs_now(&node->modified);
    node->changed = node->modified;
    mutex_unlock(&node->lock);
    return 0;
}

void tmpfs_node_stat(struct tmpfs_node *node, struct stat *status)
{
    mutex_lock(&node->lock);
    status->st_ino = node->inode;
    status->st_mode = node->mode;
    status->st_nlink = (nlink_t)node->links;
    status->st_size = node->size;
    status->st_blksize = PAGE_BYTES;
    for (size_t index = 0; index < node->page_slots; index++)
        if (node->pages[index] != NULL)
            status->st_blocks += PAGE_BYTES / 512;
    status->st_atim = node->accessed;
    status->st_mtim = node->modified;
    status->st_ctim = node->changed;
    mutex_unlock(&node->lock);
}

static ssize_t tmpfs_pread(struct file *file, void *data, size_t bytes, off_t offset)
{
    struct tmpfs_node *node = ((struct tmpfs_file *)file->data)->node;
    char *out = data;
    size_t done = 0;

    if (offset < 0)
        return -EINVAL;
    mutex_lock(&node->lock);
    bytes = bytes_below((uint64_t)node->size, offset, bytes);
    while (done < bytes) {
        size_t at = (size_t)offset + done;
        size_t index = at / PAGE_BYTES, within = at % PAGE_BYTES;
        size_t step = PAGE_BYTES - within < bytes - done ? PAGE_BYTES - within : bytes - done;
        const char *page = index < node->page_slots ? node->pages[index] : NULL;
        if (page != NULL)
            memcpy(out + done, page + within, step);
        else
            memset(out + done, 0, step);
        done += step;
    }
    mutex_unlock(&node->lock);
    return (ssize_t)bytes;
}

/* Copies into one page, which is made when it is not there. */
static int page_write(struct tmpfs_node *node, size_t index, size_t within, const char *data,
                      size_t bytes)
{
    int result = slots_reserve(node, index);
    if (result != 0)
        return result;
    if (node->pages[index] == NULL) {
        node->pages[index] = page_alloc_zeroed(1);
        if (node->pages[index] == NULL)
            return -ENOSPC;
    }
    memcpy((char *)node->pages[index] + within, data, bytes);
    return 0;
}

/* Writes at *offset, which is set to the end of the file first when appending. */
static ssize_t node_write(struct tmpfs_node *node, const char *data, size_t bytes, off_t *offset,
                          bool append)
{
    size_t done = 0;
    off_t end;
    int result = 0;

    mutex_lock(&node->lock);
    if (append)
        *offset = node->size;
    if (__builtin_add_overflow(*offset, bytes, &end))
        result = -EFBIG;
    while (done < bytes && result == 0) {
        size_t at = (size_t)*offset + done;
        size_t within = at % PAGE_BYTES;
        size_t step = PAGE_BYTES - within < bytes - done ? PAGE_BYTES - within : bytes - done;
        result = page_write(node, at / PAGE_BYTES, within, data + done, step);
        if (result == 0)
            done += step;
    }
    if (done > 0) {
        if (*offset + (off_t)done > node->size)
            node->size = *offset + (off_t)done;
        tmpfs_now(&node->modified);
        node->changed = node->modified;
    }
    mutex_unlock(&node->lock);
    return done > 0 ? (ssize_t)done : result;
}

static ssize_t tmpfs_pwrite(struct file *file, const void *data, size_t bytes, off_t offset)
{
    struct tmpfs_file *open_file = file->data;

    return offset < 0 ? -EINVAL : node_write(open_file->node, data, bytes, &offset, false);
}

/* Not seekable_write: where the end is and the write there are one step, whoever else appends. */
static ssize_t tmpfs_write(struct file *file, const void *data, size_t bytes)
{
    struct tmpfs_file *open_file = file->data;
    struct file_position *position = &open_file->position;

    mutex_lock(&position->lock);
    ssize_t count = node_write(open_file->node, data, bytes, &position->offset,
                               file->flags & O_APPEND);
    if (count > 0)
        position->offset += count;
    mutex_unlock(&position->lock);
    return count;
}

static int tmpfs_file_stat(struct file *file, struct stat *status)
{
    const struct tmpfs_file *open_file = file->data;

    memset(status, 0, sizeof(*status));
    tmpfs_node_stat(open_file->node, status);
    status->st_dev = open_file->fs->device;
    return 0;
}

static int tmpfs_file_truncate(struct file *file, off_t size)
{
    return tmpfs_resize(((struct tmpfs_file *)file->data)->node, size);
}

static int tmpfs_file_sync(struct file *file)
{
    (void)file;
    return 0;
}

static int tmpfs_next_entry(struct file *file, struct dirent *entry)
{
    struct tmpfs_file *open_file = file->data;
    const struct tmpfs_entry *at;

    vfs_lock();
    for (at = open_file->node->entries; at != NULL && at->cookie <= open_file->cookie;)
        at = at->next;
    if (at != NULL) {
        open_file->cookie = at->cookie;
        entry->d_ino = at->node->inode;
        entry->d_type = (unsigned char)((at->node->mode & S_IFMT) >> 12);
        memcpy(entry->d_name, at->name, at->name_bytes + 1);
    }
    vfs_unlock();
    return at != NULL;
}

static off_t tmpfs_directory_lseek(struct file *file, off_t offset, int whence)
{
    if (offset != 0 || whence != SEEK_SET)
        return -EINVAL;
    ((struct tmpfs_file *)file->data)->cookie = 0;
    return 0;
}

static void tmpfs_close(struct file *file)
{
    struct tmpfs_file *open_file = file->data;

    tmpfs_put(open_file->node);
    free(open_file);
}

static const struct file_ops file_ops = {
    .read = seekable_read,
    .write = tmpfs_write,
    .pread = tmpfs_pread,
    .pwrite = tmpfs_pwrite,
    .lseek = seekable_lseek,
    .stat = tmpfs_file_stat,
    .truncate = tmpfs_file_truncate,
    .sync = tmpfs_file_sync,
    .close = tmpfs_close,
};

static const struct file_ops directory_ops = {
    .lseek = tmpfs_directory_lseek,
    .stat = tmpfs_file_stat,
    .next_entry = tmpfs_next_entry,
    .sync = tmpfs_file_sync,
    .close = tmpfs_close,
};

int tmpfs_file_open(struct fs *fs, struct tmpfs_node *node, int flags, struct file **file)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    struct tmpfs_file *open_file;

    if (S_ISDIR(node->mode) && writes)
        return -EISDIR;
    open_file = calloc(1, sizeof(*open_file));
    if (open_file == NULL)
        return -ENOMEM;
    open_file->fs = fs;
    open_file->node = node;
    *file = file_new(S_ISDIR(node->mode) ? &directory_ops : &file_ops, open_file, flags);
    if (*file == NULL) {
        free(open_file);
        return -ENOMEM;
    }
    if ((flags & O_TRUNC) && writes)
        tmpfs_resize(node, 0);
    return 0;
}
