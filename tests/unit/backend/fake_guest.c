/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_guest.h. */
#include "fake_guest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned board_events[PVN_QUEUES_MAX];
char board_failure[256];

void board_raise_event(struct board *board, unsigned event)
{
    (void)board;
    board_events[event - PVN_EVENT_DEVICE]++;
}

void device_fail(struct device *device, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(board_failure, sizeof(board_failure), format, arguments);
    va_end(arguments);
    device->failed = true;
}

static void queue_init(struct fake_guest *guest, unsigned index, uint16_t size)
{
    struct fake_queue *queue = &guest->queues[index];
    /* Exactly as large as the three parts, so that the sanitizer sees a step beyond. */
    size_t device_at = (VRING_DESC_BYTES(size) + VRING_DRIVER_BYTES(size) + 3u) & ~3ul;

    memset(queue, 0, sizeof(*queue));
    queue->size = size;
    queue->memory = calloc(1, device_at + VRING_DEVICE_BYTES(size));
    queue->desc = queue->memory;
    queue->driver = (uint16_t *)(void *)((uint8_t *)queue->memory + VRING_DESC_BYTES(size));
    queue->device = (uint8_t *)queue->memory + device_at;
    vring_init(&queue->ring, &guest->memory, queue->desc, queue->driver, queue->device, size,
               (uint16_t)(PVN_EVENT_DEVICE + index));
}

static void memory_init(struct fake_guest *guest)
{
    memset(guest, 0, sizeof(*guest));
    memset(board_events, 0, sizeof(board_events));
    board_failure[0] = '\0';
    guest->memory = (struct guest_memory){
        .host = calloc(1, GUEST_RAM_BYTES),
        .base = PVN_RAM_BASE,
        .ram_bytes = GUEST_RAM_BYTES,
        .all_bytes = GUEST_RAM_BYTES,
        .read_only_count = 1,
    };
    guest->memory.read_only[0].begin = PVN_RAM_BASE;
    guest->memory.read_only[0].end = PVN_RAM_BASE + GUEST_READ_ONLY_BYTES;
}

void guest_init(struct fake_guest *guest, struct device *device, uint64_t features)
{
    memory_init(guest);
    guest->device = device;
    guest->control.features = features;
    guest->control.status = PVN_DEVICE_DRIVER_OK;
    device->memory = &guest->memory;
    device->control = &guest->control;
    for (unsigned i = 0; i < device->queue_count; i++) {
        queue_init(guest, i, device->queue_sizes[i]);
        device->rings[i] = &guest->queues[i].ring;
    }
}

void guest_init_ring(struct fake_guest *guest, uint16_t size, uint64_t features)
{
    memory_init(guest);
    queue_init(guest, 0, size);
    vring_begin(&guest->queues[0].ring, features);
}

void guest_destroy(struct fake_guest *guest)
{
    for (unsigned i = 0; i < PVN_QUEUES_MAX; i++)
        free(guest->queues[i].memory);
    free(guest->memory.host);
}

void *guest_ram(struct fake_guest *guest, uint32_t offset)
{
    return guest->memory.host + offset;
}

void guest_avail(struct fake_guest *guest, unsigned index, uint16_t head)
{
    struct fake_queue *queue = &guest->queues[index];

    queue->driver[2 + queue->next_avail % queue->size] = head;
    queue->next_avail++;
    __atomic_store_n(&queue->driver[1], queue->next_avail, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint16_t guest_post(struct fake_guest *guest, unsigned index, const struct fake_segment *segments,
                    unsigned count)
{
    struct fake_queue *queue = &guest->queues[index];
    uint16_t head = queue->next_desc;

    for (unsigned i = 0; i < count; i++) {
        uint16_t at = (uint16_t)((head + i) % queue->size);

        queue->desc[at] = (struct fake_desc){
            .address = PVN_RAM_BASE + segments[i].offset,
            .bytes = segments[i].bytes,
            .flags = (uint16_t)((segments[i].writable ? DESC_WRITE : 0) |
                                (i + 1 < count ? DESC_NEXT : 0)),
            .next = (uint16_t)((at + 1) % queue->size),
        };
    }
    queue->next_desc = (uint16_t)((head + count) % queue->size);
    guest_avail(guest, index, head);
    return head;
}

bool guest_must_ring(struct fake_guest *guest, unsigned index, uint16_t before)
{
    struct fake_queue *queue = &guest->queues[index];
    uint16_t after = queue->next_avail, event;

    memcpy(&event, queue->device + 4 + 8u * queue->size, sizeof(event));
    return (uint16_t)(after - event - 1u) < (uint16_t)(after - before);
}

void guest_set_used_event(struct fake_guest *guest, unsigned index, uint16_t used)
{
    struct fake_queue *queue = &guest->queues[index];

    queue->driver[2 + queue->size] = used;
}

bool guest_take(struct fake_guest *guest, unsigned index, uint16_t *head, uint32_t *bytes)
{
    struct fake_queue *queue = &guest->queues[index];
    uint16_t used;
    uint32_t element[2];

    memcpy(&used, queue->device + 2, sizeof(used));
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (used == queue->last_used)
        return false;
    memcpy(element, queue->device + 4 + 8u * (queue->last_used % queue->size), sizeof(element));
    queue->last_used++;
    *head = (uint16_t)element[0];
    *bytes = element[1];
    return true;
}
