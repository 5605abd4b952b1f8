/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errno is thread-local in newlib; this turns the kernel's negative errno into it. __errno is for
 * the few objects of libc.a and for programs that were compiled for other configurations.
 */
#include <errno.h>

#include "file.h"

int *__errno(void);

int *__errno(void)
{
    return &errno;
}

ssize_t errno_result(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}
