/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of one split virtqueue (virtqueue.h). Each value that the device writes (used
 * index, element id and length, avail_event, flags) is loaded once, checked, and only then used.
 */
#include "virtqueue.h"

#include "pvabi/errno.h"

/* avail.used_event and used.avail_event follow the rings (2.7.6, 2.7.8). */
static uint16_t *used_event(struct virtqueue *vq)
{
    return &vq->avail->ring[vq->size];
}

static const uint16_t *avail_event(const struct virtqueue *vq)
{
    return (const uint16_t *)(const void *)&vq->used->ring[vq->size];
}

/* 2.7.10: is `event` among the entries [before, now) that were just written? */
static bool event_crossed(uint16_t event, uint16_t now, uint16_t before)
{
    return (uint16_t)(now - event - 1u) < (uint16_t)(now - before);
}

size_t virtqueue_table_bytes(uint16_t size)
{
    return sizeof(struct virtqueue_slot) * size;
}

void virtqueue_init(struct virtqueue *vq, uint16_t size, void *table,
                    const struct virtio_queue_place *place, bool event_index)
{
    *vq = (struct virtqueue){
        .desc = place->desc,
        .avail = place->avail,
        .used = place->used,
        .slots = table,
        .size = size,
        .free_count = size,
        .event_index = event_index,
    };
    for (unsigned i = 0; i < size; i++)
        vq->slots[i] = (struct virtqueue_slot){.next = (uint16_t)(i + 1u)};
}

int virtqueue_fail(struct virtqueue *vq, const char *reason)
{
    if (!vq->fault)
        vq->fault = reason;
    return -EIO;
}

int virtqueue_add(struct virtqueue *vq, const struct virtqueue_buffer *buffers, unsigned readable,
                  unsigned writable, void *cookie)
{
    unsigned count = readable + writable;
    uint16_t head = vq->free_head, slot = head, last = head;
    uint32_t used_bytes_max = 0;

    if (vq->fault)
        return -EIO;
    if (count == 0 || count > vq->free_count)
        return -EAGAIN;

    for (unsigned i = 0; i < count; i++) {
        uint16_t next = vq->slots[slot].next;
        bool to_device = i < readable;
        unsigned flags = (to_device ? 0u : VIRTQ_DESC_WRITE) |
                         (i + 1u < count ? VIRTQ_DESC_NEXT : 0u);

        vq->desc[slot] = (struct virtq_desc){
            .address = (uintptr_t)buffers[i].address,
            .bytes = buffers[i].bytes,
            .flags = (uint16_t)flags,
            .next = i + 1u < count ? next : 0u,
        };
        if (!to_device || vq->counts_read)
            used_bytes_max += buffers[i].bytes;
        last = slot;
        slot = next;
    }

    vq->free_head = vq->slots[last].next;
    vq->free_count = (uint16_t)(vq->free_count - count);
    vq->slots[head].cookie = cookie;
    vq->slots[head].used_bytes_max = used_bytes_max;
    vq->slots[head].count = (uint16_t)count;
    vq->in_flight++;
    vq->avail->ring[vq->avail_next & (vq->size - 1u)] = head;
    vq->avail_next++;
    return 0;
}

bool virtqueue_publish(struct virtqueue *vq)
{
    uint16_t before = vq->published, now = vq->avail_next;

    if (vq->fault || before == now)
        return false;

    /* Release: the stores to desc[] and avail.ring[] must not sink below the store of avail.idx, or
     * the device reads entries that are not written yet. */
    __atomic_store_n(&vq->avail->idx, now, __ATOMIC_RELEASE);
    vq->published = now;

    /* Full: the load of avail_event (or used.flags) must not rise above the store of avail.idx. The
     * device writes avail_event and then looks at avail.idx; were both loads early, it would sleep
     * and we would not notify it. QEMU 7.2 leaves barriers out where it emulates one CPU, so there
     * this does happen, if rarely: frontends notify once more when they are asked whether a device is
     * still there (refresh). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (vq->event_index)
        return event_crossed(__atomic_load_n(avail_event(vq), __ATOMIC_RELAXED), now, before);
    return !(__atomic_load_n(&vq->used->flags, __ATOMIC_RELAXED) & VIRTQ_USED_NO_NOTIFY);
}

/* Puts the descriptors of the chain at `head` back on the free list. */
static void chain_free(struct virtqueue *vq, uint16_t head)
{
    uint16_t count = vq->slots[head].count, last = head;

    for (unsigned i = 1; i < count; i++)
        last = vq->slots[last].next;
    vq->slots[last].next = vq->free_head;
    vq->free_head = head;
    vq->free_count = (uint16_t)(vq->free_count + count);
    vq->slots[head].count = 0;
    vq->in_flight--;
}

/* Without event index the device interrupts for each used buffer until it is told not to. */
static void be_quiet(struct virtqueue *vq)
{
    if (!vq->event_index && !vq->quiet) {
        vq->quiet = true;
        __atomic_store_n(&vq->avail->flags, VIRTQ_AVAIL_NO_INTERRUPT, __ATOMIC_RELAXED);
    }
}

int virtqueue_take(struct virtqueue *vq, struct virtqueue_used *used)
{
    const struct virtq_used_element *element;
    uint16_t idx;
    uint32_t id, bytes;

    if (vq->fault)
        return -EIO;
    /* Acquire: the loads of used.ring[] and of the buffers must not rise above the load of
     * used.idx, or they see what was there before the device wrote it. */
    idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
    if (idx == vq->used_next)
        return 0;
    be_quiet(vq);
    if ((uint16_t)(idx - vq->used_next) > vq->in_flight)
        return virtqueue_fail(vq, "used index beyond what was queued");

    element = &vq->used->ring[vq->used_next & (vq->size - 1u)];
    id = __atomic_load_n(&element->id, __ATOMIC_RELAXED);
    bytes = __atomic_load_n(&element->bytes, __ATOMIC_RELAXED);
    if (id >= vq->size || vq->slots[id].count == 0)
        return virtqueue_fail(vq, "used id is not in flight");
    if (bytes > vq->slots[id].used_bytes_max)
        return virtqueue_fail(vq, "used length beyond the buffer");

    used->cookie = vq->slots[id].cookie;
    used->bytes = bytes;
    used->head = (uint16_t)id;
    chain_free(vq, (uint16_t)id);
    vq->used_next++;
    return 1;
}

bool virtqueue_ask(struct virtqueue *vq)
{
    if (vq->fault)
        return true;
    if (vq->event_index) {
        __atomic_store_n(used_event(vq), vq->used_next, __ATOMIC_RELAXED);
    } else if (vq->quiet) {
        vq->quiet = false;
        __atomic_store_n(&vq->avail->flags, 0, __ATOMIC_RELAXED);
    }
    /* Full: the load of used.idx must not rise above the store of used_event (or avail.flags). The
     * device writes used.idx and then looks at used_event; were both loads early, it would raise no
     * event and we would sleep. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&vq->used->idx, __ATOMIC_RELAXED) != vq->used_next;
}
