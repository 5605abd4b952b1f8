/* SPDX-License-Identifier: BSD-2-Clause */
/* ioctl and the requests that Coracle knows. */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#include <sys/cdefs.h>

#define FIONREAD 0x541b /* int *: bytes that read() would find */
#define FIONBIO 0x5421  /* int *: non-zero sets O_NONBLOCK */
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451
#define TIOCINQ FIONREAD

__BEGIN_DECLS

/* 0, or -1: EBADF, ENOTTY for a request that the file does not know. */
int ioctl(int fd, unsigned long request, ...);

__END_DECLS

#endif
