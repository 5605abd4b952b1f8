/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The internet checksum (RFC 1071), eight bytes at a time: lwIP's LWIP_CHKSUM. Reads exactly the
 * given bytes, from any address.
 */
#include <string.h>

#include "lwip/opt.h"

/* Adds with the carry coming back in at the bottom. */
static inline uint64_t add(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

uint16_t net_checksum(const void *data, int bytes)
{
    const unsigned char *at = data;
    uint64_t sum = 0, word;
    uint32_t half, folded;

    for (; bytes >= 8; at += 8, bytes -= 8) {
        memcpy(&word, at, 8);
        sum = add(sum, word);
    }
    if (bytes & 4) {
        memcpy(&half, at, 4);
        sum = add(sum, half);
        at += 4;
    }
    if (bytes & 2) {
        uint16_t pair;
        memcpy(&pair, at, 2);
        sum = add(sum, pair);
        at += 2;
    }
    if (bytes & 1)
        sum = add(sum, *at);
    folded = (uint32_t)sum + (uint32_t)(sum >> 32);
    folded += folded < (uint32_t)sum;
    folded = (folded & 0xffff) + (folded >> 16);
    return (uint16_t)(folded + (folded >> 16));
}
