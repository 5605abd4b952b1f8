/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes from the kernel's generator; they never run out and never block. */
#ifndef _SYS_RANDOM_H
#define _SYS_RANDOM_H

#include <sys/cdefs.h>
#include <sys/types.h>

#define GRND_NONBLOCK 1
#define GRND_RANDOM 2

__BEGIN_DECLS

/* All of them, or -1 with EINVAL for unknown flags. */
ssize_t getrandom(void *data, size_t bytes, unsigned flags);
/* 0, or -1 with EIO for more than 256 bytes. */
int getentropy(void *data, size_t bytes);

__END_DECLS

#endif
