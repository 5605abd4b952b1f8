/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of one split virtqueue (virtio 1.2, 2.7) with event index, over memory that a
 * hostile guest writes at any time. The ring lies where the board put it, outside RAM; the buffers
 * that descriptors name must lie in RAM. Indirect descriptors are not offered. Used by the
 * backends; one ring belongs to one thread.
 *
 *     vring_begin(ring, features);                        once, at the first doorbell
 *     do {
 *         while ((result = vring_next(ring, &chain)) > 0) {
 *             ... serve chain, now or later ...
 *             vring_use(ring, chain.head, written_bytes);
 *         }
 *         if (vring_publish(ring))                        one event for the batch
 *             board_raise_event(device->board, ring->event);
 *     } while (result == 0 && vring_enable_doorbell(ring));
 *     if (result < 0)
 *         device_fail(device, "... %s", ring->fault);
 */
#ifndef MONITOR_VRING_H
#define MONITOR_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

#define VRING_SIZE_MAX 256u
#define VRING_CHAIN_BYTES_MAX 0x40000000u /* well below what one readv may carry */

/* The virtio feature bits that concern rings; each backend offers them. */
#define VRING_F_EVENT_INDEX (1ull << 29) /* VIRTIO_F_EVENT_IDX */
#define VRING_F_VERSION_1 (1ull << 32)   /* VIRTIO_F_VERSION_1 */
#define VRING_FEATURES (VRING_F_EVENT_INDEX | VRING_F_VERSION_1)

/* Bytes of the three parts of a ring; they are aligned to 16, 2 and 4 (virtio 1.2, 2.7). */
#define VRING_DESC_BYTES(size) (16u * (size))
#define VRING_DRIVER_BYTES(size) (6u + 2u * (size))
#define VRING_DEVICE_BYTES(size) (6u + 8u * (size))

struct vring {
    const struct guest_memory *memory;
    void *desc; /* host pointers to the three shared parts */
    void *driver;
    void *device;
    uint16_t size;
    uint16_t event;       /* the board's number of the event to raise */
    uint16_t next_avail;  /* free-running: the entry to take next */
    uint16_t next_used;   /* free-running: the entry to fill next */
    uint16_t published;   /* what the guest sees as used index */
    bool event_index;     /* negotiated */
    const char *fault;    /* the rule that the guest broke; the ring serves no more */
    uint64_t chain_count; /* taken since the start */
    uint64_t event_count; /* events that vring_publish asked for */
};

/* One buffer: `readable` segments that the device reads, then `writable` ones that it fills. All
 * pointers are checked. */
struct vring_chain {
    uint16_t head;
    uint16_t readable_count;
    uint16_t writable_count;
    uint32_t readable_bytes;
    uint32_t writable_bytes;
    struct iovec segments[VRING_SIZE_MAX]; /* readable ones first; none is empty */
};

/* Board: `size` is a power of two up to VRING_SIZE_MAX; the parts are aligned and zeroed. */
void vring_init(struct vring *ring, const struct guest_memory *memory, void *desc, void *driver,
                void *device, uint16_t size, uint16_t event);

/* The features that the driver accepted decide how events and doorbells are suppressed. */
void vring_begin(struct vring *ring, uint64_t features);

/* Takes the next available buffer: 1, 0 when there is none, -EPROTO when the guest broke a rule
 * (now or before; ring->fault says which). */
int vring_next(struct vring *ring, struct vring_chain *chain);

/* Gives a buffer back with the number of bytes written into it; the guest sees it after
 * vring_publish. Buffers may return in any order. */
void vring_use(struct vring *ring, uint16_t head, uint32_t written_bytes);

/* Shows the used buffers to the guest. True: the guest asked for an event. */
bool vring_publish(struct vring *ring);

/* Takes back the last vring_enable_doorbell: whoever looks at the ring anyway spares the guest the
 * doorbell. Without event index it changes nothing. */
void vring_disable_doorbell(struct vring *ring);

/* Asks for a doorbell with the next available buffer. True: there is one already, so that no
 * doorbell may come and the caller must look again. Without this call there are no doorbells. */
bool vring_enable_doorbell(struct vring *ring);

/* True when no buffer waits. */
bool vring_is_empty(struct vring *ring);

#endif
