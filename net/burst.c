/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's segments put together: what lwIP sends in one go for one connection, with the same headers
 * but for the sequence number, leaves as one large frame, which the device cuts again. lwIP knows
 * nothing of it: it acknowledges and sends again segment by segment. Called by transmit.c.
 */
#include <string.h>

#include "interface.h"
#include "lwip/pbuf.h"
#include "stack.h"

#define TCP_HEADER_BYTES 20u
#define TCP_FLAG_ACK 16u

/* A segment that may be part of a large frame. */
struct segment {
    struct transport transport;
    unsigned header_bytes; /* from the frame's first byte */
    unsigned payload_bytes;
    uint32_t sequence;
    bool is_ip6;
    bool push;
};

/* A merged frame's payload, piece by piece; they go together. */
struct payloads {
    unsigned left;
    struct payload {
        struct pbuf_custom pbuf; /* must be first */
        struct payloads *all;
        struct pbuf *frame; /* held */
    } pieces[];
};

static uint32_t big_endian32(const unsigned char *at)
{
    return (uint32_t)big_endian16(at) << 16 | big_endian16(at + 2);
}

static void put_big_endian16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

/* Data with no flag but ACK and PSH, all headers in one piece. */
static bool segment_find(const struct pbuf *frame, struct segment *segment)
{
    const unsigned char *bytes = frame->payload;
    if (frame->len < FRAME_HEADER_BYTES + 2 * TCP_HEADER_BYTES ||
        !transport_find(bytes, &segment->transport))
        return false;
    unsigned offset = segment->transport.offset;
    if (segment->transport.protocol != PROTOCOL_TCP || offset + TCP_HEADER_BYTES > frame->len)
        return false;
    const unsigned char *tcp = bytes + offset;
    segment->header_bytes = offset + (tcp[12] >> 4) * 4u;
    segment->is_ip6 = frame_type(bytes) == FRAME_TYPE_IP6;
    if (!segment->is_ip6 && offset != FRAME_HEADER_BYTES + IP4_HEADER_BYTES)
        return false;
    if ((tcp[13] & ~TCP_FLAG_PSH) != TCP_FLAG_ACK || segment->header_bytes > frame->len ||
        segment->header_bytes >= frame->tot_len)
        return false;
    segment->payload_bytes = frame->tot_len - segment->header_bytes;
    segment->sequence = big_endian32(tcp + 4);
    segment->push = tcp[13] & TCP_FLAG_PSH;
    return true;
}

/* A few loads where the bounds are constants, a call otherwise. */
static inline __attribute__((always_inline)) bool same(const unsigned char *a,
                                                       const unsigned char *b, unsigned from,
                                                       unsigned to)
{
    return memcmp(a + from, b + from, to - from) == 0;
}

/* All but what differs from segment to segment: lengths, IPv4's identification and checksum, TCP's
 * sequence number, checksum and PSH. */
static bool headers_match(const unsigned char *a, const unsigned char *b,
                          const struct segment *segment)
{
    const unsigned ip = FRAME_HEADER_BYTES;
    if (segment->is_ip6) {
        if (!same(a, b, 0, ip + 4) || !same(a, b, ip + 6, ip + IP6_HEADER_BYTES))
            return false;
    } else if (!same(a, b, 0, ip + 2) || !same(a, b, ip + 6, ip + 10) ||
               !same(a, b, ip + 12, ip + IP4_HEADER_BYTES)) {
        return false;
    }
    unsigned options = segment->header_bytes - segment->transport.offset - TCP_HEADER_BYTES;
    a += segment->transport.offset;
    b += segment->transport.offset;
    return same(a, b, 0, 4) && same(a, b, 8, 13) && same(a, b, 14, 16) && same(a, b, 18, 20) &&
           (options == 0 || same(a, b, 20, 20 + options));
}

/* Does it follow what is held, and is there room? */
static bool burst_fits(const struct transmit_burst *burst, const struct pbuf *frame,
                       const struct segment *segment)
{
    return !burst->ended && segment->sequence == burst->next_sequence &&
           segment->header_bytes == burst->header_bytes &&
           segment->payload_bytes <= burst->segment_bytes &&
           burst->header_bytes + burst->payload_bytes + segment->payload_bytes <= UINT16_MAX &&
           headers_match(burst->frames[0]->payload, frame->payload, segment);
}

bool burst_add(struct transmit_burst *burst, struct pbuf *frame, unsigned segments_most)
{
    struct segment segment;
    unsigned segments = burst->count ? burst->segments : 1; /* the first is for the headers */
    if (!segment_find(frame, &segment))
        return false;
    segments += pbuf_clen(frame);
    if (segments > segments_most)
        return false;
    if (burst->count) {
        if (!burst_fits(burst, frame, &segment))
            return false;
    } else {
        if (segment.push) /* the last of its kind */
            return false;
        *burst = (struct transmit_burst){.header_bytes = segment.header_bytes,
                                         .segment_bytes = segment.payload_bytes,
                                         .is_ip6 = segment.is_ip6};
    }
    pbuf_ref(frame);
    burst->frames[burst->count++] = frame;
    burst->segments = segments;
    burst->payload_bytes += segment.payload_bytes;
    burst->next_sequence = segment.sequence + segment.payload_bytes;
    burst->ended = segment.push || segment.payload_bytes < burst->segment_bytes;
    return true;
}

bool burst_is_full(const struct transmit_burst *burst)
{
    return burst->ended || burst->count == BURST_FRAMES;
}

static void payload_free(struct pbuf *pbuf)
{
    struct payload *payload = (struct payload *)pbuf;
    struct payloads *all = payload->all;
    pbuf_free(payload->frame);
    if (--all->left == 0)
        net_memory_free(all);
}

/* What lies in `part` of `frame` from `offset` on. */
static struct pbuf *payload_new(struct payloads *all, struct pbuf *frame, const struct pbuf *part,
                                unsigned offset)
{
    struct payload *payload = &all->pieces[all->left++];
    u16_t bytes = (u16_t)(part->len - offset);
    payload->pbuf.custom_free_function = payload_free;
    payload->all = all;
    payload->frame = frame;
    pbuf_ref(frame);
    return pbuf_alloced_custom(PBUF_RAW, bytes, PBUF_REF, &payload->pbuf,
                               (unsigned char *)part->payload + offset, bytes);
}

/* The first segment's headers say how much follows them all. */
static void headers_finish(unsigned char *headers, const struct transmit_burst *burst)
{
    const unsigned char *last = burst->frames[burst->count - 1]->payload;
    unsigned bytes = burst->header_bytes - FRAME_HEADER_BYTES + burst->payload_bytes;
    unsigned char *ip = headers + FRAME_HEADER_BYTES;
    unsigned ip_bytes = IP6_HEADER_BYTES;

    if (burst->is_ip6) {
        put_big_endian16(ip + 4, bytes - IP6_HEADER_BYTES);
    } else {
        ip_bytes = (ip[0] & 15u) * 4u;
        put_big_endian16(ip + 2, bytes);
        put_big_endian16(ip + 10, 0);
        uint16_t sum = (uint16_t)~net_checksum(ip, (int)ip_bytes);
        memcpy(ip + 10, &sum, sizeof sum);
    }
    unsigned flags = FRAME_HEADER_BYTES + ip_bytes + 13;
    headers[flags] |= last[flags] & TCP_FLAG_PSH;
}

struct pbuf *burst_merge(const struct transmit_burst *burst)
{
    struct payloads *all = net_memory_malloc(sizeof *all + burst->segments * sizeof all->pieces[0]);
    struct pbuf *headers = pbuf_alloc(PBUF_RAW, (u16_t)burst->header_bytes, PBUF_RAM);
    struct pbuf *pbufs[SEGMENTS_MOST] = {headers};
    unsigned count = 1;

    if (!all || !headers)
        goto fail;
    all->left = 0;
    memcpy(headers->payload, burst->frames[0]->payload, burst->header_bytes);
    headers_finish(headers->payload, burst);
    for (unsigned i = 0; i < burst->count; i++) {
        struct pbuf *frame = burst->frames[i];
        unsigned offset = burst->header_bytes;
        for (const struct pbuf *part = frame; part; part = part->next, offset = 0)
            if (part->len > offset)
                pbufs[count++] = payload_new(all, frame, part, offset);
    }
    return pbufs_join(pbufs, count);

fail:
    if (headers)
        pbuf_free(headers);
    if (all)
        net_memory_free(all);
    return NULL;
}
