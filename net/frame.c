/* SPDX-License-Identifier: BSD-2-Clause */
/* What is where in a frame that was made here (frame.h), and buffers joined to one. */
#include "frame.h"

#include "interface.h"
#include "lwip/pbuf.h"

bool transport_find(const unsigned char *frame, struct transport *transport)
{
    const unsigned char *ip = frame + FRAME_HEADER_BYTES;
    switch (frame_type(frame)) {
    case FRAME_TYPE_IP4:
        if (big_endian16(ip + 6) & 0x3fff)
            return false;
        *transport = (struct transport){ip[9], FRAME_HEADER_BYTES + (ip[0] & 15u) * 4u, 4,
                                        FRAME_HEADER_BYTES + 12};
        break;
    case FRAME_TYPE_IP6:
        *transport = (struct transport){ip[6], FRAME_HEADER_BYTES + IP6_HEADER_BYTES, 16,
                                        FRAME_HEADER_BYTES + 8};
        break;
    default:
        return false;
    }
    return transport->protocol == PROTOCOL_TCP || transport->protocol == PROTOCOL_UDP;
}

struct pbuf *pbufs_join(struct pbuf *const *pbufs, unsigned count)
{
    struct pbuf *chain = pbufs[--count];
    while (count > 0) {
        pbuf_cat(pbufs[--count], chain);
        chain = pbufs[count];
    }
    return chain;
}
