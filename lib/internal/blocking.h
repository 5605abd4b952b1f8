/* SPDX-License-Identifier: BSD-2-Clause */
/* How a read or write on a file of ours (pipe, eventfd) waits for the file's readiness. */
#ifndef INTERNAL_BLOCKING_H
#define INTERNAL_BLOCKING_H

#include <errno.h>
#include <fcntl.h>

#include "file.h"
#include "kernel/thread.h"

/* With `lock` held and nothing to do: waits for a wake-up on the file's queue. 0, or -EAGAIN for a
 * file that does not block. */
static inline int file_wait(struct file *file, struct mutex *lock)
{
    if (file->flags & O_NONBLOCK)
        return -EAGAIN;
    waitq_wait(&file->ready, lock, NO_DEADLINE);
    return 0;
}

#endif
