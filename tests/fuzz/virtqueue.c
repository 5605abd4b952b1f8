/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/virtqueue.c tests/unit/support/device.c */
/*
 * Fuzzes the driver's side of the virtqueue: the input says what the driver queues and what the
 * device writes. What must hold: a cookie comes back once, for a chain that is in flight, with no
 * more bytes than it had room for; descriptors are neither lost nor doubled; a fault is final.
 */
#include "pvabi/virtio/virtqueue.h"

#include "tests/unit/support/hostile.h"

#define SIZE_MAX_FUZZED 64u

struct chain {
    uint32_t writable_bytes;
    unsigned count; /* 0: not in flight */
};

static uint8_t data[4][96];

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void driver_add(struct virtqueue *vq, struct chain *chains, struct bytes *bytes)
{
    struct virtqueue_buffer buffers[8];
    unsigned readable = next8(bytes) % 4u, writable = next8(bytes) % 4u, slot = 0;
    struct chain chain = {.count = readable + writable};

    while (slot < SIZE_MAX_FUZZED && chains[slot].count)
        slot++;
    if (chain.count == 0 || slot == SIZE_MAX_FUZZED)
        return;
    for (unsigned i = 0; i < chain.count; i++) {
        buffers[i] = (struct virtqueue_buffer){data[i % 4u], 1u + next8(bytes) % 96u};
        if (i >= readable)
            chain.writable_bytes += buffers[i].bytes;
    }
    if (virtqueue_add(vq, buffers, readable, writable, &chains[slot]) == 0)
        chains[slot] = chain;
}

static void driver_take(struct virtqueue *vq, struct chain *chains)
{
    struct virtqueue_used used;
    struct chain *chain;

    while (virtqueue_take(vq, &used) == 1) {
        chain = used.cookie;
        require(chain >= chains && chain < chains + SIZE_MAX_FUZZED);
        require(chain->count && used.bytes <= chain->writable_bytes && used.head < vq->size);
        chain->count = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    struct chain chains[SIZE_MAX_FUZZED] = {{0}};
    uint16_t count = (uint16_t)(1u << next8(&bytes) % 7u);
    bool event_index = next8(&bytes) & 1u;
    struct device_queue device;
    struct virtqueue vq;
    struct virtio_queue_place place;
    void *table = calloc(1, virtqueue_table_bytes(count));

    device_queue_open(&device, count);
    place = device_queue_place(&device);
    virtqueue_init(&vq, count, table, &place, event_index);
    while (bytes.left > 0) {
        unsigned in_flight = 0;
        const char *fault = vq.fault;

        switch (next8(&bytes) % 5u) {
        case 0:
            driver_add(&vq, chains, &bytes);
            break;
        case 1:
            require(!(virtqueue_publish(&vq) && fault));
            break;
        case 2:
            driver_take(&vq, chains);
            break;
        case 3:
            require(virtqueue_ask(&vq) || !fault);
            break;
        default:
            hostile_queue_act(&device, &bytes);
            break;
        }
        for (unsigned i = 0; i < SIZE_MAX_FUZZED; i++)
            in_flight += chains[i].count;
        require(virtqueue_free(&vq) + in_flight == count);
        require(!fault || vq.fault == fault);
    }
    device_queue_close(&device);
    free(table);
    return 0;
}
