/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read, write and lseek for files that have pread and pwrite: they keep the position. `data` of
 * such a file begins with a struct file_position.
 */
#ifndef FS_SEEKABLE_H
#define FS_SEEKABLE_H

#include "file.h"

ssize_t seekable_read(struct file *file, void *data, size_t bytes);
ssize_t seekable_write(struct file *file, const void *data, size_t bytes); /* knows O_APPEND */
off_t seekable_lseek(struct file *file, off_t offset, int whence);

/* How many of `bytes` bytes at `offset` lie below `size`: 0 at and beyond the end. */
size_t bytes_below(uint64_t size, off_t offset, size_t bytes);

#endif
