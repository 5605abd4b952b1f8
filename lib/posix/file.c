/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files: allocation and reference counts. The last reference closes. Any thread.
 */
#include "file.h"

#include <stdlib.h>

#include "fd.h"

struct file *file_new(const struct file_ops *ops, void *data, int flags)
{
    struct file *file = malloc(sizeof *file);
    if (file)
        *file = (struct file){.ops = ops, .data = data, .flags = flags, .references = 1};
    return file;
}

struct file *file_get(struct file *file)
{
    __atomic_fetch_add(&file->references, 1, __ATOMIC_RELAXED);
    return file;
}

void file_put(struct file *file)
{
    if (__atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    /* poll and select hold references, so whoever still waits on the file is an epoll instance. */
    if (epoll_file_gone && !waitq_empty(&file->ready))
        epoll_file_gone(file);
    if (file->ops->close)
        file->ops->close(file);
    free(file);
}
