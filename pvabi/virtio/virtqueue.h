/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of one split virtqueue (virtio 1.2, 2.7) with or without event index, against a
 * device that may write anything into the shared parts at any time. What the driver knows (free
 * descriptors, what is in flight) is in memory of its own, never read back from the shared one.
 * Used by the frontends; the caller serializes calls on a queue. No call blocks or allocates.
 *
 *     virtqueue_init(vq, size, table, place, event_index);   table: virtqueue_table_bytes(size)
 *     virtqueue_add(vq, buffers, readable, writable, cookie);      ... as many as fit
 *     if (virtqueue_publish(vq))
 *         notify the device
 *     while (virtqueue_take(vq, &used) == 1) ...
 *     if (virtqueue_ask(vq))
 *         take again
 *
 * A device that breaks a rule sets vq->fault, a few words; from then on nothing is added or taken.
 */
#ifndef VIRTIO_VIRTQUEUE_H
#define VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport.h"
#include "wire.h"

#define VIRTQUEUE_SIZE_MAX 32768u /* 2.7: Queue Size */

/* One descriptor, as the driver remembers it. */
struct virtqueue_slot {
    void *cookie;            /* of a chain that begins here */
    uint32_t used_bytes_max; /* of that chain: the device cannot have written more */
    uint16_t next;           /* of the chain, or of the free list */
    uint16_t count;          /* descriptors of the chain in flight that begins here, otherwise 0 */
};

struct virtqueue {
    const char *fault; /* NULL while in service */
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    const struct virtq_used *used;
    struct virtqueue_slot *slots;
    uint16_t size;
    uint16_t free_head; /* the free list is last in, first out: few cache lines are in use */
    uint16_t free_count;
    uint16_t in_flight;  /* chains that the device owes us */
    uint16_t avail_next; /* free-running: the next entry of avail.ring */
    uint16_t published;  /* avail.idx as the device sees it */
    uint16_t used_next;  /* free-running: the next entry of used.ring */
    bool event_index;
    bool quiet; /* without event index: NO_INTERRUPT is set */
    bool
        counts_read; /* set by the frontend: used lengths of this device may include what it read */
};

/* A part of a chain. */
struct virtqueue_buffer {
    void *address;
    uint32_t bytes; /* at least 1 */
};

/* A chain that came back. */
struct virtqueue_used {
    void *cookie;
    uint32_t bytes; /* written by the device, at most what it could (counts_read: or read) */
    uint16_t head;
};

/* Bytes of the driver's own table; aligned to 16. */
size_t virtqueue_table_bytes(uint16_t size);

/* `size` is a power of two. `table` and the place's parts are zeroed. */
void virtqueue_init(struct virtqueue *vq, uint16_t size, void *table,
                    const struct virtio_queue_place *place, bool event_index);

/* The head that the next virtqueue_add will use: per-request memory is indexed by it. Only while
 * virtqueue_free(vq) > 0. */
static inline uint16_t virtqueue_next_head(const struct virtqueue *vq)
{
    return vq->free_head;
}

static inline unsigned virtqueue_free(const struct virtqueue *vq)
{
    return vq->free_count;
}

/* Queues a chain: `readable` buffers for the device to read, then `writable` ones for it to fill.
 * 0, -EAGAIN when there are too few free descriptors, -EIO when out of service. */
int virtqueue_add(struct virtqueue *vq, const struct virtqueue_buffer *buffers, unsigned readable,
                  unsigned writable, void *cookie);

/* Shows what was added to the device. True: it wants to be notified. */
bool virtqueue_publish(struct virtqueue *vq);

/* Takes a chain that the device has used: 1, 0 for none, -EIO when out of service. */
int virtqueue_take(struct virtqueue *vq, struct virtqueue_used *used);

/* Asks for an event with the next used buffer. True: one is there already (or the queue is out of
 * service), so no event may come and the caller takes again. */
bool virtqueue_ask(struct virtqueue *vq);

/* Takes the queue out of service; the first reason stays. Returns -EIO. */
int virtqueue_fail(struct virtqueue *vq, const char *reason);

#endif
