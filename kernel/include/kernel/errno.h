/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error numbers that the kernel returns, negated: those of the guest's C library, so that the
 * layers above pass them on as they are. The kernel itself includes no C library.
 */
#ifndef KERNEL_ERRNO_H
#define KERNEL_ERRNO_H

#include "pvabi/errno.h"

/* Hosts number the last two differently, so a unit test cannot include its <errno.h> as well. */
#define EDEADLK 45
#define ETIMEDOUT 116

#endif
