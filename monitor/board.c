/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts devices into a VM. Each queue has one event, one doorbell and one eventfd; the numbers are
 * given in the order of the devices. See board.h.
 */
#include "board.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends.h"
#include "event.h"
#include "json.h"
#include "kvm.h"
#include "loop.h"
#include "say.h"
#include "vring.h"

#define DEVICES_MAX (OPTIONS_DEVICES_MAX + 1)
#define RING_ALIGN 64u
#define CONFIG_STRIDE DEVICE_CONFIG_MAX

struct doorbell {
    struct device *device;
    unsigned queue;
    int event_fd;
    struct vring ring;
};

struct board {
    struct device *devices[DEVICES_MAX];
    unsigned device_count;
    unsigned console; /* index of the console, which needs no ioeventfd */
    bool user_network;
    struct doorbell *doorbells;
    unsigned doorbell_count;
    struct events *events;
    struct loop *loop;
    pthread_t thread;
    bool running;
    uint64_t doorbell_exits;
    uint64_t rings;
};

void board_raise_event(struct board *board, unsigned event)
{
    events_raise(board->events, event);
}

void device_fail(struct device *device, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!device->failed)
        say("%s%u: out of service: %s", device->ops->name, device->index, text);
    device->failed = true;
}

static int add_device(struct board *board, struct device *device)
{
    device->board = board;
    device->index = 0;
    for (unsigned i = 0; i < board->device_count; i++)
        if (board->devices[i]->type == device->type)
            device->index++;
    board->devices[board->device_count++] = device;
    board->doorbell_count += device->queue_count;
    return 0;
}

static int open_device(struct board *board, const struct device_option *option)
{
    struct device *device = NULL;
    int result = -EINVAL;

    switch (option->kind) {
    case DEVICE_BLOCK:
        result = block_open(option->spec, &device);
        break;
    case DEVICE_NET_TAP:
        result = net_tap_open(option->spec, &device);
        break;
    case DEVICE_RNG: /* every guest gets a seed of the host's, more it does not need */
        return 0;
    case DEVICE_NET_ADDRESS: /* a disk image has no host device */
        break;
    case DEVICE_NET_USER:
        result = net_user_open(option->spec, &device);
        board->user_network = true;
        break;
    }
    return result ? result : add_device(board, device);
}

int board_create(struct board **out, const struct options *options)
{
    struct board *board = calloc(1, sizeof *board);
    struct device *console = NULL;
    int result = 0;

    *out = NULL;
    if (!board)
        return -ENOMEM;
    for (unsigned i = 0; i < options->device_count && !result; i++)
        result = open_device(board, &options->devices[i]);
    if (!result)
        result = console_in_open(&console);
    if (!result) {
        board->console = board->device_count;
        result = add_device(board, console);
    }
    if (!result) {
        board->doorbells = calloc(board->doorbell_count, sizeof *board->doorbells);
        result = board->doorbells ? 0 : -ENOMEM;
    }
    for (unsigned i = 0; i < board->doorbell_count && board->doorbells; i++)
        board->doorbells[i].event_fd = -1;
    if (result) {
        board_destroy(board);
        return result;
    }
    *out = board;
    return 0;
}

void board_destroy(struct board *board)
{
    if (!board)
        return;
    board_stop(board);
    for (unsigned i = 0; i < board->device_count; i++)
        board->devices[i]->ops->destroy(board->devices[i]);
    for (unsigned i = 0; board->doorbells && i < board->doorbell_count; i++)
        if (board->doorbells[i].event_fd >= 0)
            close(board->doorbells[i].event_fd);
    if (board->loop)
        loop_destroy(board->loop);
    free(board->doorbells);
    free(board);
}

unsigned board_device_count(const struct board *board)
{
    return board->device_count;
}

bool board_has_user_network(const struct board *board)
{
    return board->user_network;
}

static uint64_t ring_align(uint64_t bytes)
{
    return (bytes + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
}

static uint64_t ring_bytes(uint16_t size)
{
    return ring_align(VRING_DESC_BYTES((uint64_t)size)) +
           ring_align(VRING_DRIVER_BYTES((uint64_t)size)) +
           ring_align(VRING_DEVICE_BYTES((uint64_t)size));
}

void board_get_needs(const struct board *board, struct layout_needs *needs)
{
    needs->control_bytes = board->device_count * sizeof(struct pvn_device_control);
    needs->config_bytes = board->device_count * CONFIG_STRIDE;
    needs->rings_bytes = 0;
    for (unsigned i = 0; i < board->device_count; i++)
        for (unsigned queue = 0; queue < board->devices[i]->queue_count; queue++)
            needs->rings_bytes += ring_bytes(board->devices[i]->queue_sizes[queue]);
}

/* Sets one queue up at `*at` and moves `*at` behind it. */
static void build_queue(struct doorbell *doorbell, uint32_t number, uint16_t event,
                        const struct guest_memory *memory, uint64_t *at, struct pvn_queue *record)
{
    uint16_t size = doorbell->device->queue_sizes[doorbell->queue];

    *record = (struct pvn_queue){.size = size, .event = event, .doorbell = number};
    record->desc = *at;
    record->driver = record->desc + ring_align(VRING_DESC_BYTES((uint64_t)size));
    record->device = record->driver + ring_align(VRING_DRIVER_BYTES((uint64_t)size));
    *at += ring_bytes(size);

    uint8_t *base = memory->host - memory->base;
    vring_init(&doorbell->ring, memory, base + record->desc, base + record->driver,
               base + record->device, size, event);
    doorbell->device->rings[doorbell->queue] = &doorbell->ring;
}

void board_build(struct board *board, const struct guest_memory *memory,
                 const struct layout *layout, struct pvn_device *records)
{
    uint8_t *base = memory->host - memory->base;
    uint64_t rings = layout->rings;
    uint16_t event = PVN_EVENT_DEVICE;
    uint32_t number = 0;

    for (unsigned i = 0; i < board->device_count; i++) {
        struct device *device = board->devices[i];
        struct pvn_device *record = &records[i];
        *record = (struct pvn_device){
            .type = device->type,
            .index = device->index,
            .queue_count = (uint16_t)device->queue_count,
            .config_event = event++,
            .features = device->features,
            .control = layout->control + i * sizeof(struct pvn_device_control),
            .config = layout->config + i * CONFIG_STRIDE,
            .config_bytes = device->config_bytes,
            .net = device->net,
        };
        device->memory = memory;
        device->control = (void *)(base + record->control);
        device->record = record;
        device->shared_config = base + record->config;
        device->config_event = record->config_event;
        if (device->config_bytes)
            memcpy(device->shared_config, device->config, device->config_bytes);
        for (unsigned queue = 0; queue < device->queue_count; queue++, number++) {
            struct doorbell *doorbell = &board->doorbells[number];
            doorbell->device = device;
            doorbell->queue = queue;
            build_queue(doorbell, number, event++, memory, &rings, &record->queues[queue]);
        }
    }
}

static void on_doorbell(void *context, uint32_t epoll_events)
{
    struct doorbell *doorbell = context;
    uint64_t count;

    (void)epoll_events;
    if (read(doorbell->event_fd, &count, sizeof count) < 0)
        return; /* nothing rang after all */
    if (!doorbell->device->failed)
        doorbell->device->ops->kick(doorbell->device, doorbell->queue);
}

static void *run_loop(void *context)
{
    loop_run(context);
    return NULL;
}

/* Makes the loop, starts every device on it, and then the thread. */
static int run_devices(struct board *board)
{
    int result = loop_create(&board->loop);

    for (unsigned i = 0; i < board->doorbell_count && !result; i++) {
        struct doorbell *doorbell = &board->doorbells[i];
        doorbell->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        result = doorbell->event_fd < 0
                     ? -errno
                     : loop_watch(board->loop, doorbell->event_fd, EPOLLIN, on_doorbell, doorbell);
    }
    for (unsigned i = 0; i < board->device_count && !result; i++)
        result = board->devices[i]->ops->start(board->devices[i], board->loop);
    if (!result)
        result = -pthread_create(&board->thread, NULL, run_loop, board->loop);
    if (result)
        say("the devices cannot be started: %s", strerror(-result));
    board->running = !result;
    return result;
}

int board_start(struct board *board, struct kvm *kvm, struct events *events)
{
    board->events = events;
    if (board->device_count == 1)
        return 0; /* the console alone starts when it is used */
    int result = run_devices(board);
    for (unsigned i = 0; i < board->doorbell_count && !result; i++)
        if (board->doorbells[i].device != board->devices[board->console])
            result = kvm_add_doorbell(kvm, i, board->doorbells[i].event_fd);
    return result;
}

bool board_ring_doorbell(struct board *board, uint32_t number)
{
    const uint64_t one = 1;

    if (number >= board->doorbell_count)
        return false;
    board->doorbell_exits++;
    if (!board->running) {
        events_block_signals(true);
        int result = board->loop ? -EIO : run_devices(board);
        events_block_signals(false);
        if (result)
            return true; /* said once; the device stays silent */
    }
    ssize_t written = write(board->doorbells[number].event_fd, &one, sizeof one);
    (void)written; /* an eventfd that is full rings all the same */
    return true;
}

void board_stop(struct board *board)
{
    if (!board->running)
        return;
    loop_stop(board->loop);
    pthread_join(board->thread, NULL);
    board->running = false;
}

void board_write_stats(const struct board *board, struct json *out)
{
    json_u64(out, "doorbell_exits", board->doorbell_exits);
    json_open_array(out, "devices");
    for (unsigned i = 0; i < board->device_count; i++) {
        const struct device *device = board->devices[i];
        json_open_object(out, NULL);
        json_string(out, "name", device->ops->name);
        json_u64(out, "index", device->index);
        json_u64(out, "failed", device->failed);
        device->ops->stats(device, out);
        json_close_object(out);
    }
    json_close_array(out);
}
