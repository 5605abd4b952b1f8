/* SPDX-License-Identifier: BSD-2-Clause */
/* What is where in an Ethernet frame, for those who handle frames in net/. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 14u /* Ethernet's */
#define FRAME_TYPE_IP4 0x0800u
#define FRAME_TYPE_IP6 0x86ddu
#define FRAME_TYPE_ARP 0x0806u
#define IP4_HEADER_BYTES 20u /* without options */
#define IP6_HEADER_BYTES 40u
#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u

static inline unsigned big_endian16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline unsigned frame_type(const unsigned char *frame)
{
    return big_endian16(frame + 12);
}

/* A frame's headers that matter to checksums, as offsets from its first byte. */
struct transport {
    unsigned protocol; /* TCP or UDP */
    unsigned offset;
    unsigned address_bytes; /* of each of the two addresses at address_offset */
    unsigned address_offset;
};

/* Finds TCP or UDP in a frame that was made here and is no fragment, with at least an IP header in
 * reach. False: it is something else. */
bool transport_find(const unsigned char *frame, struct transport *transport);

#endif
