/* SPDX-License-Identifier: BSD-2-Clause */
/* What is where in an Ethernet frame, for those who handle frames in net/. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 14u /* Ethernet's */
#define FRAME_TYPE_IP4 0x0800u
#define FRAME_TYPE_IP6 0x86ddu
#define FRAME_TYPE_ARP 0x0806u
#define IP4_HEADER_BYTES 20u /* without options */
#define IP6_HEADER_BYTES 40u
#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u
#define TCP_FLAG_PSH 8u

static inline unsigned big_endian16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline unsigned frame_type(const unsigned char *frame)
{
    return big_endian16(frame + 12);
}

/* A TCP segment over IPv4, or a fragment of one? `bytes` are in reach. */
static inline bool frame_is_tcp4(const unsigned char *frame, size_t bytes)
{
    return bytes >= FRAME_HEADER_BYTES + IP4_HEADER_BYTES && frame_type(frame) == FRAME_TYPE_IP4 &&
           frame[FRAME_HEADER_BYTES + 9] == PROTOCOL_TCP;
}

/* Is such a frame, with an IP header without options, a segment that ends what is sent in one go? */
static inline bool frame_is_pushed(const unsigned char *frame, size_t bytes)
{
    const size_t flags = FRAME_HEADER_BYTES + IP4_HEADER_BYTES + 13;
    return frame[FRAME_HEADER_BYTES] == 0x45 && bytes > flags && frame[flags] & TCP_FLAG_PSH;
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
