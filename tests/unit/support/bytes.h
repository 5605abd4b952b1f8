/* SPDX-License-Identifier: BSD-2-Clause */
/* For fuzz targets: bytes of the fuzzer's input turned into decisions. */
#ifndef TESTS_BYTES_H
#define TESTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct bytes {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t next8(struct bytes *bytes)
{
    if (bytes->left == 0)
        return 0;
    bytes->left--;
    return *bytes->at++;
}

static inline uint16_t next16(struct bytes *bytes)
{
    uint16_t low = next8(bytes);

    return (uint16_t)(low | next8(bytes) << 8);
}

static inline uint32_t next32(struct bytes *bytes)
{
    uint32_t low = next16(bytes);

    return low | (uint32_t)next16(bytes) << 16;
}

static inline void require(bool condition)
{
    if (!condition)
        abort();
}

#endif
