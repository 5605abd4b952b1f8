/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/net.c pvabi/virtio/net_frames.c pvabi/virtio/attach.c */
/* sources: pvabi/virtio/virtqueue.c tests/unit/support/device.c */
/*
 * Fuzzes the network frontend: configuration, frames and everything the device writes come from the
 * input. What must hold: a received frame lies in the buffer it came in, each cookie is back at
 * most once, and a fault of one direction ends both, finally, told to the device once.
 */
#include "pvabi/virtio/net.h"

#include "tests/unit/support/hostile.h"

#define FRAMES 80u

static const struct pv_net_ops *const ops = &virtio_net_ops;

struct frame {
    uint32_t bytes; /* of the buffer; 0: not posted */
    uint8_t *buffer;
};

struct bed {
    struct device device;
    struct pv_net *net;
    struct frame rx[FRAMES], tx[FRAMES];
};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static struct frame *frame_unused(struct frame *frames)
{
    for (unsigned i = 0; i < FRAMES; i++)
        if (frames[i].bytes == 0)
            return &frames[i];
    return NULL;
}

static void rx_post(struct bed *bed, struct bytes *bytes)
{
    struct frame *frame = frame_unused(bed->rx);
    uint32_t room = 1u + next8(bytes);

    if (!frame)
        return;
    free(frame->buffer);
    frame->buffer = calloc(1, room);
    if (ops->rx_post(bed->net, frame->buffer, room, frame) == 0)
        frame->bytes = room;
}

static void rx_take(struct bed *bed)
{
    struct pv_net_frame got;

    while (ops->rx_take(bed->net, &got) == 1) {
        uint32_t bytes = 0;

        require(got.count >= 1 && got.count <= PV_NET_PARTS_MAX);
        for (unsigned i = 0; i < got.count; i++) {
            struct frame *frame = got.parts[i].cookie;

            require(frame >= bed->rx && frame < bed->rx + FRAMES && frame->bytes);
            require(got.bytes == 0 ||
                    (uint64_t)got.parts[i].offset + got.parts[i].bytes <= frame->bytes);
            bytes += got.parts[i].bytes;
            frame->bytes = 0;
        }
        require(got.bytes == 0 || (got.bytes == bytes && bytes <= 14 + 65535));
        require(got.meta.gso == PV_NET_GSO_NONE || got.bytes == 0 || got.meta.segment_bytes);
    }
}

static void tx_post(struct bed *bed, struct bytes *bytes)
{
    static uint8_t data[256];
    struct frame *frame = frame_unused(bed->tx);
    struct pv_segment segments[6];
    unsigned count = next8(bytes) % 7u;
    struct pv_net_meta meta = {
        .csum_partial = next8(bytes) & 1u, .csum_start = next8(bytes), .csum_offset = next8(bytes)};

    meta.gso = next8(bytes) % 4u;
    meta.header_bytes = next8(bytes);
    meta.segment_bytes = next8(bytes);

    if (!frame)
        return;
    for (unsigned i = 0; i < count; i++)
        segments[i] = (struct pv_segment){data, next8(bytes)};
    if (ops->tx_post(bed->net, segments, count, &meta, frame) == 0) {
        require(count <= bed->net->segments_max);
        frame->bytes = 1;
    }
}

static void tx_take(struct bed *bed)
{
    void *cookie = NULL;

    while (ops->tx_take(bed->net, &cookie) == 1) {
        struct frame *frame = cookie;

        require(frame >= bed->tx && frame < bed->tx + FRAMES && frame->bytes);
        frame->bytes = 0;
    }
}

/* Delivers a frame as an honest device would, with the input's header: in as many buffers as that
 * says, or perhaps not. */
static void deliver(struct bed *bed, struct bytes *bytes)
{
    struct device_queue *queue = &bed->device.queues[0];
    unsigned count = 1;
    uint32_t room;
    uint16_t head;

    for (unsigned n = 0; n < count; n++) {
        if (!device_next(queue, &head) || head >= queue->size)
            return;
        room = device_desc(queue, head, 0)->bytes;
        for (uint32_t i = 0; n == 0 && i < room && i < 12u; i++)
            ((uint8_t *)device_buffer(queue, head, 0))[i] = next8(bytes) & 7u;
        if (n == 0 && room >= 12u && next8(bytes) & 3u)
            count = ((uint8_t *)device_buffer(queue, head, 0))[10];
        device_use(queue, head, next8(bytes));
    }
}

static void act(struct bed *bed, struct bytes *bytes, bool scribbles)
{
    unsigned queue = next8(bytes) & 1u;

    switch (next8(bytes) % 8u) {
    case 0:
        rx_post(bed, bytes);
        break;
    case 1:
        tx_post(bed, bytes);
        break;
    case 2:
        rx_take(bed);
        break;
    case 3:
        tx_take(bed);
        break;
    case 4:
        ops->rx_kick(bed->net);
        ops->tx_kick(bed->net);
        break;
    case 5:
        ops->rx_ask(bed->net);
        ops->tx_ask(bed->net);
        ops->refresh(bed->net);
        break;
    default:
        /* After scribbling over descriptors the test itself must not follow them: either, or. */
        if (scribbles && bed->device.queues[queue].size)
            hostile_queue_act(&bed->device.queues[queue], bytes);
        else if (!scribbles && bed->device.driver_ok && !bed->net->fault)
            deliver(bed, bytes);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    static struct bed bed;
    void *memory;
    bool scribbles;

    memset(&bed, 0, sizeof(bed));
    hostile_open(&bed.device, PV_NET, 2, &bytes);
    scribbles = next8(&bytes) & 1u;
    memory = hostile_memory(ops->memory_bytes(&bed.device.pv));
    if (ops->attach(&bed.device.pv, memory, &bed.net) == 0)
        require(bed.net->rx_slots >= 1 && bed.net->tx_slots >= 1 && bed.net->segments_max >= 1 &&
                bed.net->mtu >= 68 && !(bed.net->mac[0] & 1u));
    while (bytes.left > 0) {
        const char *fault = bed.net->fault;

        act(&bed, &bytes, scribbles);
        require(!fault || bed.net->fault == fault);
        require(bed.device.failed == (bed.net->fault ? 1u : 0u));
    }
    device_close(&bed.device);
    for (unsigned i = 0; i < FRAMES; i++)
        free(bed.rx[i].buffer);
    free(memory);
    return 0;
}
