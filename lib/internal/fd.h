/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor table's inner side (posix/fd.c): what dup2, fcntl and the limits need beyond
 * file.h. Functions return negative errno.
 */
#ifndef INTERNAL_FD_H
#define INTERNAL_FD_H

#include <stdbool.h>

#include "file.h"

#define FD_MAX 16384 /* descriptors are 0 .. FD_MAX - 1 */

/* Puts a file at exactly this descriptor, taking over the caller's reference, and closes what was
 * there. 0, -EBADF for a number beyond the limit, -ENOMEM; then the caller keeps the reference. */
int fd_replace(int fd, struct file *file);

bool fd_cloexec(int fd);
void fd_cloexec_set(int fd, bool cloexec);

/* One more than the highest descriptor that fd_install gives out. */
int fd_limit(void);
void fd_limit_set(int limit);

/* The standard streams' files, on the console. Never freed. */
extern struct file console_files[3];
#define CONSOLE_BUFFER_BYTES 1024 /* st_blksize, and so the size of stdio's buffers */

/* Does descriptor 1 still lead to the console? */
bool fd_console_output(void);

/* Something went there as bytes before standard output was set up, which makes it a stream of bytes. */
extern bool fd_console_spoken;

/* Detaches a file that is going away from every epoll instance; there when epoll is linked. */
void epoll_file_gone(struct file *file) __attribute__((weak));

#endif
