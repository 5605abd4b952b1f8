/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface: lwIP's netif over one network device. For interface.c, receive.c and
 * transmit.c; all calls under the stack's lock.
 */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "kernel/device.h" /* names the device and its frontend */
#include "lwip/netif.h"

#define SEGMENTS_MOST 48u    /* of memory, in one frame to send */
#define TRANSMIT_QUEUE 1024u /* frames that may wait for room in the ring */

struct receive_buffer;

struct transmit_frame {
    struct pbuf *frame;
    struct pv_net_meta meta;
};

/* Segments of one TCP connection that follow each other and leave as one large frame. */
#define BURST_FRAMES 45u /* of 1,460 bytes: as many as fit into 64 KiB */
struct transmit_burst {
    struct pbuf *frames[BURST_FRAMES]; /* held */
    unsigned count;
    unsigned segments;      /* of memory, in all frames */
    unsigned header_bytes;  /* of Ethernet, IP and TCP, the same in each */
    unsigned segment_bytes; /* of payload in each but perhaps the last */
    unsigned payload_bytes; /* in all */
    uint32_t next_sequence;
    bool is_ip6;
    bool ended; /* by a short segment, or one that is to be pushed to the program */
};

struct interface {
    struct netif netif;
    struct interface *next;
    const struct pv_device *device;
    const struct pv_net_ops *ops;
    struct pv_net *net;
    bool failed;   /* out of service: touch neither rings nor buffers */
    bool reported; /* ... and taken down */
    uint32_t logged_ip4;

    struct receive_buffer *free; /* neither posted nor lent to lwIP */
    unsigned posted;
    unsigned post_later; /* so many in all, when the first frame comes; then 0 */
    bool receive_kick;
    bool refilled; /* buffers were posted since the last look */

    struct transmit_burst burst;
    struct transmit_frame *queue; /* TRANSMIT_QUEUE of them, from the first full ring on */
    unsigned queue_first, queue_count;
    bool refused;         /* a frame found no room at all: TCP wants to hear when there is some */
    unsigned outstanding; /* frames that the device holds */
    unsigned reaped;      /* frames that it has given back, and how many at the last look */
    unsigned reaped_before;
    bool transmit_kick;
};

struct net_counters {
    uint64_t rx_packets, rx_bytes, rx_dropped, rx_copied, rx_large;
    uint64_t tx_packets, tx_bytes, tx_dropped, tx_large;
};
extern struct net_counters net_counters;

/* Writes the name ("lo", "net0") of lwIP's netif. */
#define INTERFACE_NAME_BYTES 16
void interface_name(const struct netif *netif, char name[INTERFACE_NAME_BYTES]);
/* One chain of single buffers, in this order; at least one. */
struct pbuf *pbufs_join(struct pbuf *const *pbufs, unsigned count);
/* The device broke its contract or vanished: no more calls; taken down when it is safe. */
void interface_fail(struct interface *interface);

/* receive.c. Fills the ring for the first time: 0, -ENOMEM, -EIO. */
int receive_start(struct interface *interface);
/* Hands up to `most` frames to lwIP; true when that many came. */
bool receive_poll(struct interface *interface, unsigned most);

/* burst.c. Holds a segment back that those before and after may join: false, and nothing is held,
 * when it does not follow those before. `segments_most` of memory may be in a frame. */
bool burst_add(struct transmit_burst *burst, struct pbuf *frame, unsigned segments_most);
/* No segment can follow any more. */
bool burst_is_full(const struct transmit_burst *burst);
/* One frame of all those held (at least two), which it holds, too; NULL without memory. */
struct pbuf *burst_merge(const struct transmit_burst *burst);

/* transmit.c. lwIP's linkoutput. */
err_t transmit_output(struct netif *netif, struct pbuf *frame);
/* Posts what was held back for the segments that might follow. */
void transmit_flush(struct interface *interface);
/* Gives back what the device has sent, posts what waits, and has TCP send what was refused. Not
 * from within lwIP. */
void transmit_poll(struct interface *interface);

#endif
