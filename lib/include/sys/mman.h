/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory mappings (POSIX.1-2024, <sys/mman.h>): anonymous memory, and private or read-only mappings
 * of files, which are copies made at the time of the call. Nothing can be made executable.
 */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <stddef.h>
#include <sys/cdefs.h>
#include <sys/types.h>

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4

#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10 /* refused */
#define MAP_ANONYMOUS 0x20
#define MAP_ANON MAP_ANONYMOUS
#define MAP_NORESERVE 0x4000 /* accepted */
#define MAP_POPULATE 0x8000  /* accepted */
#define MAP_STACK 0x20000    /* accepted */
#define MAP_FAILED ((void *)-1)

#define MADV_NORMAL 0
#define MADV_RANDOM 1
#define MADV_SEQUENTIAL 2
#define MADV_WILLNEED 3
#define MADV_DONTNEED 4 /* anonymous memory reads as zeros afterwards */
#define POSIX_MADV_NORMAL MADV_NORMAL
#define POSIX_MADV_RANDOM MADV_RANDOM
#define POSIX_MADV_SEQUENTIAL MADV_SEQUENTIAL
#define POSIX_MADV_WILLNEED MADV_WILLNEED
#define POSIX_MADV_DONTNEED 5 /* a hint: keeps the contents */

#define MS_ASYNC 1
#define MS_SYNC 2
#define MS_INVALIDATE 4

#define MCL_CURRENT 1
#define MCL_FUTURE 2

__BEGIN_DECLS

/* The memory, or MAP_FAILED: ENOMEM, EINVAL, EBADF, EACCES for a file not open for reading, ENOTSUP
 * for PROT_EXEC, MAP_FIXED or a file that would have to be shared and written. */
void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset);
/* 0, or -1 with EINVAL. Parts of a mapping may go; what is not mapped is passed over. */
int munmap(void *address, size_t bytes);
int madvise(void *address, size_t bytes, int advice);
int posix_madvise(void *address, size_t bytes, int advice);
/* Memory is never paged out: these have nothing to do. */
int mlock(const void *address, size_t bytes);
int munlock(const void *address, size_t bytes);
int mlockall(int flags);
int munlockall(void);

__END_DECLS

#endif
