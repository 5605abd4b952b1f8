/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scattered buffers: copying, and cutting pieces off.
 */
#include "iov.h"

#include <stdint.h>
#include <string.h>

size_t iov_bytes(const struct iovec *segments, unsigned count)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += segments[i].iov_len;
    return bytes;
}

void iov_zero(const struct iovec *segments, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        memset(segments[i].iov_base, 0, segments[i].iov_len);
}

size_t iov_read(const struct iovec *segments, unsigned count, void *to, size_t bytes)
{
    size_t done = 0;

    for (unsigned i = 0; i < count && done < bytes; i++) {
        size_t part = segments[i].iov_len < bytes - done ? segments[i].iov_len : bytes - done;

        memcpy((uint8_t *)to + done, segments[i].iov_base, part);
        done += part;
    }
    return done;
}

size_t iov_write(const struct iovec *segments, unsigned count, const void *from, size_t bytes)
{
    size_t done = 0;

    for (unsigned i = 0; i < count && done < bytes; i++) {
        size_t part = segments[i].iov_len < bytes - done ? segments[i].iov_len : bytes - done;

        memcpy(segments[i].iov_base, (const uint8_t *)from + done, part);
        done += part;
    }
    return done;
}

unsigned iov_skip(struct iovec **segments, unsigned count, size_t bytes)
{
    while (count > 0 && bytes >= (*segments)->iov_len) {
        bytes -= (*segments)->iov_len;
        (*segments)++;
        count--;
    }
    if (count > 0) {
        (*segments)->iov_base = (uint8_t *)(*segments)->iov_base + bytes;
        (*segments)->iov_len -= bytes;
    }
    return count;
}

unsigned iov_trim(struct iovec *segments, unsigned count, size_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        if (bytes <= segments[i].iov_len) {
            segments[i].iov_len = bytes;
            return bytes > 0 ? i + 1 : i;
        }
        bytes -= segments[i].iov_len;
    }
    return count;
}
