/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console frontend (virtio 1.2, 5.3) behind struct pv_console_ops: port 0's receive and
 * transmit queue, plain bytes. A device without a transmit queue gives input only. Called by the
 * kernel through pv_console_frontends.
 */
#include "console.h"

#include "attach.h"
#include "pvabi/errno.h"

enum console_queue { CONSOLE_RX = 0, CONSOLE_TX = 1 }; /* 5.3.2 */

#define CONSOLE_RING_WANTED 16u

struct virtio_console {
    struct pv_console console; /* first: what the kernel sees */
    const struct virtio_transport *transport;
    uint64_t features;
    struct virtqueue rx, tx;
};

struct console_memory {
    struct virtio_console *frontend;
    struct virtio_queue_memory rx, tx;
};

static struct console_memory console_memory_take(struct virtio_arena *arena,
                                                 const struct virtio_transport *transport)
{
    struct console_memory memory;

    memory.frontend = virtio_arena_take(arena, sizeof(struct virtio_console), 64);
    memory.rx = virtio_queue_take(arena, transport, CONSOLE_RX, CONSOLE_RING_WANTED, 0);
    memory.tx = virtio_queue_take(arena, transport, CONSOLE_TX, CONSOLE_RING_WANTED, 0);
    return memory;
}

static struct virtio_console *frontend_of(struct pv_console *console)
{
    return (struct virtio_console *)(void *)console;
}

/* Out of service, both directions: tells the device and keeps the first reason. */
static int console_fail(struct virtio_console *frontend, const char *reason)
{
    if (!frontend->console.fault) {
        frontend->console.fault = reason;
        virtqueue_fail(&frontend->rx, reason);
        virtqueue_fail(&frontend->tx, reason);
        frontend->transport->ops->fail(frontend->transport);
    }
    return -EIO;
}

static size_t console_memory_bytes(const struct pv_device *device)
{
    struct virtio_arena arena = {0};

    (void)console_memory_take(&arena, device->transport);
    return virtio_arena_bytes(&arena);
}

static int console_attach(const struct pv_device *device, void *memory, struct pv_console **console)
{
    const struct virtio_transport *transport = device->transport;
    struct virtio_arena arena = {.base = (uintptr_t)memory};
    struct console_memory parts = console_memory_take(&arena, transport);
    struct virtio_console *frontend = parts.frontend;

    frontend->transport = transport;
    *console = &frontend->console;
    if (parts.rx.size == 0)
        return console_fail(frontend, "receive queue is missing");
    if (virtio_negotiate(transport, 0, &frontend->features) < 0)
        return console_fail(frontend, "feature negotiation failed");
    if (virtio_queue_attach(transport, CONSOLE_RX, &parts.rx, frontend->features, &frontend->rx,
                            &frontend->console.rx_event) < 0)
        return console_fail(frontend, "queue set-up failed");
    if (parts.tx.size != 0 &&
        virtio_queue_attach(transport, CONSOLE_TX, &parts.tx, frontend->features, &frontend->tx,
                            &frontend->console.tx_event) < 0)
        return console_fail(frontend, "queue set-up failed");
    frontend->console.rx_slots = parts.rx.size;
    frontend->console.tx_slots = parts.tx.size;
    transport->ops->driver_ok(transport);
    return 0;
}

static int console_rx_post(struct pv_console *console, void *buffer, uint32_t bytes, void *cookie)
{
    struct virtqueue_buffer part = {buffer, bytes};

    if (console->fault)
        return -EIO;
    if (bytes == 0)
        return -EINVAL;
    return virtqueue_add(&frontend_of(console)->rx, &part, 0, 1, cookie);
}

static int console_rx_take(struct pv_console *console, void **cookie, uint32_t *bytes)
{
    struct virtio_console *frontend = frontend_of(console);
    struct virtqueue_used used;
    int got = virtqueue_take(&frontend->rx, &used);

    if (got < 0)
        return console_fail(frontend, frontend->rx.fault);
    if (got > 0) {
        *cookie = used.cookie;
        *bytes = used.bytes;
    }
    return got;
}

static bool console_rx_ask(struct pv_console *console)
{
    return virtqueue_ask(&frontend_of(console)->rx);
}

static void console_rx_kick(struct pv_console *console)
{
    struct virtio_console *frontend = frontend_of(console);

    if (virtqueue_publish(&frontend->rx))
        frontend->transport->ops->notify(frontend->transport, CONSOLE_RX);
}

static int console_tx_post(struct pv_console *console, const void *data, uint32_t bytes,
                           void *cookie)
{
    /* The device only reads it: the descriptor carries no WRITE flag. */
    struct virtqueue_buffer part = {(void *)(uintptr_t)data, bytes};

    if (console->fault)
        return -EIO;
    if (bytes == 0)
        return -EINVAL;
    if (console->tx_slots == 0)
        return -EAGAIN;
    return virtqueue_add(&frontend_of(console)->tx, &part, 1, 0, cookie);
}

static int console_tx_take(struct pv_console *console, void **cookie)
{
    struct virtio_console *frontend = frontend_of(console);
    struct virtqueue_used used;
    int got;

    if (console->tx_slots == 0)
        return console->fault ? -EIO : 0;
    got = virtqueue_take(&frontend->tx, &used);
    if (got < 0)
        return console_fail(frontend, frontend->tx.fault);
    if (got > 0)
        *cookie = used.cookie;
    return got;
}

static void console_tx_kick(struct pv_console *console)
{
    struct virtio_console *frontend = frontend_of(console);

    if (virtqueue_publish(&frontend->tx))
        frontend->transport->ops->notify(frontend->transport, CONSOLE_TX);
}

const struct pv_console_ops virtio_console_ops = {
    .memory_bytes = console_memory_bytes,
    .attach = console_attach,
    .rx_post = console_rx_post,
    .rx_take = console_rx_take,
    .rx_ask = console_rx_ask,
    .rx_kick = console_rx_kick,
    .tx_post = console_tx_post,
    .tx_take = console_tx_take,
    .tx_kick = console_tx_kick,
};
