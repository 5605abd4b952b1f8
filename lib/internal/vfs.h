/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual file system: mounts and path resolution. A file system is an operation table over
 * nodes; vfs.c walks paths, follows links (at most 16) and knows the working directory. Errors are
 * negative errno.
 */
#ifndef INTERNAL_VFS_H
#define INTERNAL_VFS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct file;

int vfs_open(const char *path, int flags, mode_t mode, struct file **file);
int vfs_stat(const char *path, struct stat *status);
int vfs_lstat(const char *path, struct stat *status);
int vfs_mkdir(const char *path, mode_t mode);
int vfs_rmdir(const char *path);
int vfs_unlink(const char *path);
int vfs_rename(const char *from, const char *to);
int vfs_link(const char *from, const char *to);
int vfs_symlink(const char *target, const char *path);
ssize_t vfs_readlink(const char *path, char *target, size_t bytes);
int vfs_truncate(const char *path, off_t size);
int vfs_chmod(const char *path, mode_t mode);
int vfs_utimens(const char *path, const struct timespec times[2]);
int vfs_chdir(const char *path);
/* The working directory's absolute path: its length, or -ERANGE. */
int vfs_getcwd(char *path, size_t bytes);
/* The absolute path without links and dots: its length, or -ENAMETOOLONG. */
ssize_t vfs_realpath(const char *path, char *real, size_t bytes);
int vfs_access(const char *path, int mode);

#endif
