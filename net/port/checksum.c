/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The internet checksum (RFC 1071), eight bytes at a time: lwIP's LWIP_CHKSUM. Reads exactly the
 * given bytes, from any address.
 */
#include <string.h>

#include "lwip/opt.h"

uint16_t net_checksum(const void *data, int bytes)
{
    const unsigned char *at = data;
    uint64_t sum = 0;

    for (; bytes >= 8; at += 8, bytes -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sum += word;
        sum += sum < word; /* the carry comes back in at the bottom */
    }
    if (bytes > 0) {
        uint64_t word = 0;
        memcpy(&word, at, (size_t)bytes);
        sum += word;
        sum += sum < word;
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}
