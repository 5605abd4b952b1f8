/* SPDX-License-Identifier: BSD-2-Clause */
/* The network frontend's own state, for net.c and net_frames.c. */
#ifndef VIRTIO_NET_FRONTEND_H
#define VIRTIO_NET_FRONTEND_H

#include <stdbool.h>
#include <stdint.h>

#include "pvabi/pv.h"
#include "virtqueue.h"

enum virtio_net_queue { NET_RX = 0, NET_TX = 1 }; /* 5.1.2 */

#define NET_HEADROOM 18u /* with an Ethernet header of 14 bytes the IP header is aligned to 16 */
#define NET_FRAME_MIN 14u
#define NET_FRAME_MAX (14u + 65535u) /* 5.1.6.3.1: Ethernet, and the most that IP can carry */
#define NET_SEGMENTS_MAX 48u         /* headers and 64 KiB in segments of 1,460 bytes, and some */

struct virtio_net {
    struct pv_net net; /* first: what the kernel sees */
    const struct virtio_transport *transport;
    uint64_t features;
    struct virtqueue rx, tx;
    void **rx_buffers; /* the posted buffer, for each head */
    struct virtio_net_header *tx_headers;
    unsigned header_bytes;
    bool header_apart; /* a legacy device wants the header in a descriptor of its own */
};

static inline struct virtio_net *virtio_net_of(struct pv_net *net)
{
    return (struct virtio_net *)(void *)net;
}

/* Out of service, both directions: tells the device and keeps the first reason. -EIO. */
int virtio_net_fail(struct virtio_net *frontend, const char *reason);

/* net_frames.c: the operations on frames (pv.h). */
int virtio_net_rx_post(struct pv_net *net, void *buffer, uint32_t bytes, void *cookie);
int virtio_net_rx_take(struct pv_net *net, struct pv_net_frame *frame);
bool virtio_net_rx_ask(struct pv_net *net);
void virtio_net_rx_kick(struct pv_net *net);
int virtio_net_tx_post(struct pv_net *net, const struct pv_segment *segments, unsigned count,
                       const struct pv_net_meta *meta, void *cookie);
int virtio_net_tx_take(struct pv_net *net, void **cookie);
bool virtio_net_tx_ask(struct pv_net *net);
void virtio_net_tx_kick(struct pv_net *net);

#endif
