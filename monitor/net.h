/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the network backends share: queues, header (virtio 1.2, 5.1.6), configuration, addresses
 * from the option, and the transmit side. For net_*.c only.
 */
#ifndef MONITOR_NET_H
#define MONITOR_NET_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "vring.h"

#define NET_RX 0u
#define NET_TX 1u
#define NET_QUEUE_SIZE 256u
#define NET_BATCH_MAX 256u /* frames, before the loop's other devices have their turn */
#define NET_HEADER_BYTES sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define NET_FRAME_MIN 14u
#define NET_FRAME_MAX (14u + 65535u) /* Ethernet, and the most that IP can carry (5.1.6.3.1) */
#define NET_ROOM_SEGMENTS 512u       /* of receive buffers that are held at once */
/* Offered where the host's side cuts and merges TCP's segments. */
#define NET_LARGE_FEATURES                                               \
    (1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_HOST_TSO6 |   \
     1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO6 | \
     1ull << VIRTIO_NET_F_MRG_RXBUF)
_Static_assert(NET_HEADER_BYTES == 12, "virtio 1.2, 5.1.6");

struct net_counters {
    uint64_t rx_frames, rx_bytes, rx_dropped, rx_large;
    uint64_t tx_frames, tx_bytes, tx_dropped, tx_large;
};

/* Receive buffers taken from the ring and not yet given back, in the guest's order: enough for the
 * largest frame that may come. */
struct net_room {
    struct net_room_buffer {
        uint16_t head;
        uint16_t segment_count;
        uint32_t bytes;
    } buffers[NET_QUEUE_SIZE];
    struct iovec segments[NET_ROOM_SEGMENTS]; /* of all buffers */
    unsigned buffer_count, segment_count;
    uint32_t bytes;
};

/*
 * A network device. The backend fills `transmit`, which gets the header, checked against the
 * features, and the frame's segments (at most NET_QUEUE_SIZE of them, which it may change), and
 * returns whether the frame left.
 */
struct net {
    struct device device;
    struct loop *loop;
    uint64_t accepted; /* features */
    bool began;
    uint16_t mtu;
    uint32_t rx_needed; /* bytes of room before a frame is taken from the host */
    struct net_room room;
    struct vring_chain rx, tx; /* scratch; a frame sent may bring one to receive meanwhile */
    struct net_counters counters;
    bool (*transmit)(struct net *net, const struct virtio_net_hdr_mrg_rxbuf *header,
                     struct iovec *segments, unsigned count, uint32_t bytes);
    void (*transmitted)(struct net *net); /* after a batch of frames; may be NULL */
};

/* `features` beyond those of rings, MAC and MTU. */
void net_configure(struct net *net, const uint8_t mac[6], uint16_t mtu, uint64_t features);

/* At a doorbell: true when the driver is there and may be served. *first: its first doorbell. */
bool net_begin(struct net *net, bool *first);

/* Takes the guest's frames, up to a batch, and sees to it that the rest is not forgotten. */
void net_run_tx(struct net *net);

/* Takes receive buffers until there is room for the next frame, whichever it is. False: there are
 * too few, and the guest will ring when there are more; or the device failed. */
bool net_hold_rx(struct net *net);

/* The room that is held, without the header: its segments, copied to `copy`, and their number and
 * bytes. */
struct iovec *net_room(const struct net *net, struct iovec copy[NET_ROOM_SEGMENTS], unsigned *count,
                       uint32_t *bytes);

/* Gives back as many buffers as the frame of `bytes` bytes fills, which is in place behind the
 * header. */
void net_finish_rx(struct net *net, struct virtio_net_hdr_mrg_rxbuf *header, uint32_t bytes);

void net_stats(const struct device *device, struct json *out);

/* Reads "ip=ADDR/LEN[,gw=ADDR]" into *address; complains about `value`, the whole option. */
int net_parse_address(const char *value, const char *text, struct pvn_net_address *address);

#endif
