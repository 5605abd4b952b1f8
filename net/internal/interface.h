/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface: lwIP's netif over one network device. For interface.c, receive.c and
 * transmit.c; all calls under the stack's lock.
 */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/device.h" /* names the device and its frontend */
#include "lwip/netif.h"

#define FRAME_HEADER_BYTES 14u /* Ethernet's */
#define TRANSMIT_QUEUE 1024u   /* frames that may wait for room in the ring */

struct receive_buffer;

struct transmit_frame {
    struct pbuf *frame;
    struct pv_net_meta meta;
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
    bool receive_kick;

    struct transmit_frame *queue; /* TRANSMIT_QUEUE of them, from the first full ring on */
    unsigned queue_first, queue_count;
    bool refused;         /* a frame found no room at all: TCP wants to hear when there is some */
    unsigned outstanding; /* frames that the device holds */
    bool transmit_kick;
};

struct net_counters {
    uint64_t rx_packets, rx_bytes, rx_dropped, rx_copied;
    uint64_t tx_packets, tx_bytes, tx_dropped;
};
extern struct net_counters net_counters;

/* Writes the name ("lo", "net0") of lwIP's netif. */
#define INTERFACE_NAME_BYTES 16
void interface_name(const struct netif *netif, char name[INTERFACE_NAME_BYTES]);
/* The device broke its contract or vanished: no more calls; taken down when it is safe. */
void interface_fail(struct interface *interface);

/* receive.c. Fills the ring for the first time: 0, -ENOMEM. */
int receive_start(struct interface *interface);
/* Hands up to `most` frames to lwIP; true when that many came. */
bool receive_poll(struct interface *interface, unsigned most);

/* transmit.c. lwIP's linkoutput. */
err_t transmit_output(struct netif *netif, struct pbuf *frame);
/* Gives back what the device has sent, posts what waits, and has TCP send what was refused. Not
 * from within lwIP. */
void transmit_poll(struct interface *interface);

#endif
