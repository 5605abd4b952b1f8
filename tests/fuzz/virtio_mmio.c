/* SPDX-License-Identifier: BSD-2-Clause */
/* A device behind the mmio transport whose registers answer anything, another thing each time. The
 * transport's own file is included, because it never forgets a device and each input has one. */
#include <stdlib.h>
#include <string.h>

#include "pvabi/virtio/mmio.c"

struct pv_counters pv_counters;

#define WINDOW_BYTES 0x200u
#define MEMORY_BYTES (1u << 20)

static const uint8_t *input;
static size_t input_bytes;
static char window[WINDOW_BYTES];
static char memory[MEMORY_BYTES] __attribute__((aligned(4096)));

static void must(int holds)
{
    if (!holds)
        abort();
}

static uint32_t any_read(const void *at, unsigned bytes)
{
    size_t offset = (size_t)((const char *)at - window);
    uint32_t value = 0;

    must(offset % bytes == 0 && offset + bytes <= WINDOW_BYTES && bytes <= 4);
    for (unsigned i = 0; i < bytes && input_bytes > 0; i++, input_bytes--)
        value |= (uint32_t)*input++ << 8 * i;
    return value;
}

static void any_write(void *at, unsigned bytes, uint32_t value)
{
    size_t offset = (size_t)((char *)at - window);

    (void)value;
    must(bytes == 4 && offset % 4 == 0 && offset < MMIO_CONFIG);
}

static void use_queue(const struct virtio_transport *t, unsigned queue, uint16_t wanted)
{
    uint16_t size = t->ops->queue_size(t, queue, wanted);
    struct virtio_queue_place place;
    size_t bytes;

    must(size <= wanted && (size & (size - 1)) == 0 &&
         size == t->ops->queue_size(t, queue, wanted));
    if (size == 0)
        return;
    bytes = t->ops->queue_bytes(t, queue, size);
    must(bytes % 4096 == 0 && bytes <= MEMORY_BYTES);
    if (t->ops->queue_setup(t, queue, size, memory, &place) < 0)
        return;
    must((char *)place.desc == memory && (char *)place.avail >= memory + VIRTQ_DESC_BYTES(size) &&
         (char *)place.used >= (char *)place.avail + VIRTQ_AVAIL_BYTES(size) &&
         (char *)place.used + VIRTQ_USED_BYTES(size) <= memory + bytes);
    must(place.event >= 10 && place.event < 10 + VIRTIO_MMIO_EVENTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct virtio_host any_host = {.read = any_read, .write = any_write};
    const struct virtio_transport *t;
    uint64_t features;

    input = data;
    input_bytes = bytes;
    mmio_count = 0;
    virtio_mmio_type(&any_host, window, WINDOW_BYTES);
    t = virtio_mmio_open(&any_host, window, WINDOW_BYTES, 10);
    must(t != NULL);
    if (t->ops->begin(t) == 0) {
        features = t->ops->features(t);
        t->ops->accept(t, features);
        for (unsigned i = 0; i < 6; i++)
            use_queue(t, i, (uint16_t)(1u << (i * 3)));
        t->ops->driver_ok(t);
        for (uint32_t i = 0; i < 0x110; i += 8)
            t->ops->config_read(t, i, 1u << (i / 8) % 4);
        t->ops->config_generation(t);
    }
    t->ops->fail(t);
    return 0;
}
