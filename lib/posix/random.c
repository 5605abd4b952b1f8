/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's view of the kernel's random numbers. The arc4random functions replace libc.a's,
 * which keep a second generator of their own.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "file.h"
#include "kernel/random.h"

#define ENTROPY_MOST 256

int getentropy(void *data, size_t bytes)
{
    if (bytes > ENTROPY_MOST)
        return (int)errno_result(-EIO);
    random_bytes(data, bytes);
    return 0;
}

ssize_t getrandom(void *data, size_t bytes, unsigned flags)
{
    if (flags & ~(GRND_NONBLOCK | GRND_RANDOM))
        return errno_result(-EINVAL);
    random_bytes(data, bytes);
    return (ssize_t)bytes;
}

uint32_t arc4random(void)
{
    return random_u32();
}

void arc4random_buf(void *data, size_t bytes)
{
    random_bytes(data, bytes);
}
