/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error numbers that the contract (pv.h) and the hypercalls (native.h) return, negated. They
 * are those of every C library we meet, spelled the same, so that including <errno.h> too is fine.
 * For code that may not include a C library.
 */
#ifndef PVABI_ERRNO_H
#define PVABI_ERRNO_H

#define EIO 5
#define EAGAIN 11
#define ENOMEM 12
#define ENODEV 19
#define EINVAL 22
#define ENOSPC 28
#define EROFS 30
#define EOPNOTSUPP 95

#endif
