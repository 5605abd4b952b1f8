/* SPDX-License-Identifier: BSD-2-Clause */
/* eventfd, source-compatible with Linux's: a 64-bit counter behind a descriptor. */
#ifndef _SYS_EVENTFD_H
#define _SYS_EVENTFD_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/cdefs.h>

#define EFD_SEMAPHORE 1
#define EFD_NONBLOCK O_NONBLOCK
#define EFD_CLOEXEC O_CLOEXEC

typedef uint64_t eventfd_t;

__BEGIN_DECLS

/* A descriptor, or -1: EINVAL, EMFILE, ENOMEM. */
int eventfd(unsigned initial, int flags);
int eventfd_read(int fd, eventfd_t *value);
int eventfd_write(int fd, eventfd_t value);

__END_DECLS

#endif
