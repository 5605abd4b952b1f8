/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors: an open file is a struct file with an operation table; the descriptor table maps
 * small integers to them. Sockets (net/), file systems (lib/fs/) and the console fulfil file_ops.
 * Functions return negative errno; the C library's seam turns that into errno.
 */
#ifndef INTERNAL_FILE_H
#define INTERNAL_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "kernel/sync.h"

struct file;
struct iovec;

/* Any operation may be NULL: then the call answers what POSIX says for such a file (-EINVAL,
 * -ESPIPE, -ENOTSOCK ...). They run without locks held and may block unless O_NONBLOCK is set. */
struct file_ops {
    ssize_t (*read)(struct file *file, void *data, size_t bytes);
    ssize_t (*write)(struct file *file, const void *data, size_t bytes);
    ssize_t (*pread)(struct file *file, void *data, size_t bytes, off_t offset);
    ssize_t (*pwrite)(struct file *file, const void *data, size_t bytes, off_t offset);
    off_t (*lseek)(struct file *file, off_t offset, int whence);
    int (*stat)(struct file *file, struct stat *status);
    int (*truncate)(struct file *file, off_t size);
    int (*sync)(struct file *file);
    int (*ioctl)(struct file *file, unsigned long request, void *argument);
    /* Called after fcntl changed file->flags (O_NONBLOCK, O_APPEND). */
    void (*flags_changed)(struct file *file);
    /* The next directory entry: 1, 0 at the end, or a negative errno. */
    int (*next_entry)(struct file *file, struct dirent *entry);
    /* POLLIN, POLLOUT, POLLERR, POLLHUP... that hold now. When NULL: always ready. */
    short (*poll)(struct file *file);
    /* Optional: several pieces at once. Without it read or write runs once a piece. */
    ssize_t (*readv)(struct file *file, const struct iovec *pieces, int count);
    ssize_t (*writev)(struct file *file, const struct iovec *pieces, int count);
    /* The last reference went away; frees what `data` holds. The struct file itself is file.c's. */
    void (*close)(struct file *file);
};

struct file {
    const struct file_ops *ops;
    void *data;          /* the operations' own */
    int flags;           /* O_ACCMODE, O_APPEND, O_NONBLOCK */
    unsigned references; /* atomically counted */
    struct waitq ready;  /* woken (all) whenever poll() may answer more than before */
};

/* A new open file with one reference; NULL without memory. Freed by file_put. */
struct file *file_new(const struct file_ops *ops, void *data, int flags);
struct file *file_get(struct file *file);
void file_put(struct file *file);

/* Gives the lowest free descriptor at or above `lowest` to a file and takes over the caller's
 * reference. Descriptor, -EMFILE (then the caller still owns the reference). */
int fd_install(struct file *file, int lowest);
/* The file behind a descriptor with a reference of the caller's own (file_put when done); NULL when
 * there is none (EBADF). */
struct file *fd_file(int fd);
int fd_close(int fd);

/* A position-keeping file (pread/pwrite) gets read, write and lseek from these. The position lives
 * in the file system's own data, reached through the helper's argument. */
struct file_position {
    struct mutex lock;
    off_t offset;
};

/* Turns 0/positive or negative errno into the POSIX convention: -1 and errno. */
ssize_t errno_result(ssize_t result);

#endif
