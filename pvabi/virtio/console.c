/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console frontend (virtio 1.2, 5.3) behind struct pv_console_ops: how it attaches, and input.
 * A device without the feature for several ports has one, for everything; one without a transmit
 * queue gives input only. Called by the kernel through pv_console_frontends, and by the platform
 * that writes to a console.
 */
#include "console_device.h"

struct console_memory {
    struct virtio_console *frontend;
    struct {
        struct virtio_queue_memory rx, tx;
    } ports[CONSOLE_PORTS];
    struct virtio_queue_memory control_rx, control_tx;
    char *control_in;
    unsigned control_count;
    struct virtio_console_control *control_out;
    char *out;
};

static struct console_memory console_memory_take(struct virtio_arena *arena,
                                                 const struct virtio_transport *transport)
{
    struct console_memory memory = {
        .frontend = virtio_arena_take(arena, sizeof(struct virtio_console), 64),
        .control_out = virtio_arena_take(arena, sizeof(struct virtio_console_control), 64),
        .out = virtio_arena_take(arena, CONSOLE_OUT_BYTES, 64),
    };

    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        memory.ports[i].rx = virtio_queue_take(arena, transport, CONSOLE_RX(i), CONSOLE_RING_WANTED,
                                               0);
        memory.ports[i].tx = virtio_queue_take(arena, transport, CONSOLE_TX(i), CONSOLE_RING_WANTED,
                                               0);
    }
    memory.control_rx = virtio_queue_take(arena, transport, CONSOLE_CONTROL_RX,
                                          CONSOLE_CONTROL_WANTED, 0);
    memory.control_tx = virtio_queue_take(arena, transport, CONSOLE_CONTROL_TX, CONSOLE_RING_WANTED,
                                          0);
    memory.control_count = memory.control_rx.size < CONSOLE_CONTROL_WANTED ? memory.control_rx.size
                                                                           : CONSOLE_CONTROL_WANTED;
    memory.control_in = virtio_arena_take(arena,
                                          (size_t)memory.control_count * CONSOLE_CONTROL_BYTES, 64);
    return memory;
}

static struct virtio_console *frontend_of(struct pv_console *console)
{
    return (struct virtio_console *)(void *)console;
}

int console_fail(struct virtio_console *frontend, const char *reason)
{
    if (!frontend->console.fault) {
        frontend->console.fault = reason;
        for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
            virtqueue_fail(&frontend->ports[i].rx, reason);
            virtqueue_fail(&frontend->ports[i].tx, reason);
        }
        virtqueue_fail(&frontend->control_rx, reason);
        virtqueue_fail(&frontend->control_tx, reason);
        frontend->transport->ops->fail(frontend->transport);
    }
    return -EIO;
}

static size_t console_memory_bytes(const struct pv_device *device)
{
    struct virtio_arena arena = {0};

    if (device->console != NULL)
        return 0;
    (void)console_memory_take(&arena, device->transport);
    return virtio_arena_bytes(&arena);
}

static int queue_attach(const struct virtio_console *frontend, unsigned queue,
                        const struct virtio_queue_memory *memory, struct virtqueue *vq,
                        unsigned *event, bool *there)
{
    *there = memory->size != 0;
    if (memory->size == 0)
        return 0;
    return virtio_queue_attach(frontend->transport, queue, memory, frontend->features, vq, event);
}

/* Every queue must be there before the device starts, whatever ports it then has. */
static int queues_attach(struct virtio_console *frontend, const struct console_memory *parts)
{
    unsigned count = console_multiport(frontend) ? CONSOLE_PORTS : 1, unused;
    bool rx, tx;

    for (unsigned i = 0; i < count; i++) {
        struct console_port *port = &frontend->ports[i];

        if (queue_attach(frontend, CONSOLE_RX(i), &parts->ports[i].rx, &port->rx, &port->rx_event,
                         &port->has_rx) < 0 ||
            queue_attach(frontend, CONSOLE_TX(i), &parts->ports[i].tx, &port->tx, &unused,
                         &port->has_tx) < 0)
            return -EIO;
    }
    if (!console_multiport(frontend))
        return 0;
    if (queue_attach(frontend, CONSOLE_CONTROL_RX, &parts->control_rx, &frontend->control_rx,
                     &frontend->console.end_event, &rx) < 0 ||
        queue_attach(frontend, CONSOLE_CONTROL_TX, &parts->control_tx, &frontend->control_tx,
                     &unused, &tx) < 0)
        return -EIO;
    return rx && tx ? 0 : -EIO;
}

/* What the kernel and the platform see. */
static void describe(struct virtio_console *frontend)
{
    struct pv_console *console = &frontend->console;
    struct console_port *const *outputs = frontend->outputs;

    if (frontend->input != NULL) {
        console->rx_slots = frontend->input->rx.size;
        console->rx_event = frontend->input->rx_event;
    }
    if (!console_multiport(frontend))
        console->end_event = console->rx_event;
    for (unsigned i = 0; i < 3; i++)
        console->writable = console->writable || outputs[i] != NULL;
    console->log_apart = outputs[PV_LOG] != NULL && outputs[PV_LOG] != outputs[PV_STDOUT];
}

static int console_attach(const struct pv_device *device, void *memory, struct pv_console **console)
{
    const struct virtio_transport *transport = device->transport;
    struct virtio_arena arena = {.base = (uintptr_t)memory};
    struct virtio_console *frontend;
    struct console_memory parts;

    *console = device->console;
    if (device->console != NULL)
        return device->console->fault ? -EIO : 0;
    parts = console_memory_take(&arena, transport);
    frontend = parts.frontend;
    frontend->transport = transport;
    frontend->control_out = parts.control_out;
    frontend->out = parts.out;
    *console = &frontend->console;
    if (parts.ports[0].rx.size == 0)
        return console_fail(frontend, "receive queue is missing");
    if (virtio_negotiate(transport, VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_CONSOLE_F_EMERG_WRITE,
                         &frontend->features) < 0)
        return console_fail(frontend, "feature negotiation failed");
    if (queues_attach(frontend, &parts) < 0)
        return console_fail(frontend, "queue set-up failed");
    transport->ops->driver_ok(transport);
    if (!console_multiport(frontend)) {
        frontend->input = &frontend->ports[0];
        for (unsigned i = 0; i < 3 && frontend->ports[0].has_tx; i++)
            frontend->outputs[i] = &frontend->ports[0];
    } else if (console_ports_find(frontend, parts.control_in, parts.control_count) < 0) {
        return -EIO;
    }
    describe(frontend);
    return 0;
}

static int console_rx_post(struct pv_console *console, void *buffer, uint32_t bytes, void *cookie)
{
    struct virtio_console *frontend = frontend_of(console);
    struct virtqueue_buffer part = {buffer, bytes};

    if (console->fault)
        return -EIO;
    if (bytes == 0)
        return -EINVAL;
    if (frontend->input == NULL)
        return -EAGAIN;
    return virtqueue_add(&frontend->input->rx, &part, 0, 1, cookie);
}

/* The device closes the port behind the last byte. So the control queue is looked at first: what is
 * in the receive queue by then is all that there will be. */
static int console_rx_take(struct pv_console *console, void **cookie, uint32_t *bytes)
{
    struct virtio_console *frontend = frontend_of(console);
    struct virtqueue_used used;
    int got = 0;

    if (console->fault || (console_multiport(frontend) && console_ports_look(frontend) < 0))
        return -EIO;
    if (frontend->input != NULL)
        got = virtqueue_take(&frontend->input->rx, &used);
    if (got < 0)
        return console_fail(frontend, frontend->input->rx.fault);
    if (got > 0) {
        *cookie = used.cookie;
        *bytes = used.bytes;
    } else if (frontend->input == NULL || frontend->input_ended) {
        *cookie = NULL;
        *bytes = 0;
        got = 1;
    }
    return got;
}

static bool console_rx_ask(struct pv_console *console)
{
    struct virtio_console *frontend = frontend_of(console);
    bool there = console->fault != NULL;

    if (frontend->input != NULL)
        there = virtqueue_ask(&frontend->input->rx) || there;
    if (console_multiport(frontend))
        there = virtqueue_ask(&frontend->control_rx) || there;
    return there;
}

static void console_rx_kick(struct pv_console *console)
{
    struct virtio_console *frontend = frontend_of(console);
    struct console_port *port = frontend->input;

    if (port != NULL && virtqueue_publish(&port->rx))
        frontend->transport->ops->notify(frontend->transport,
                                         CONSOLE_RX((unsigned)(port - frontend->ports)));
}

const struct pv_console_ops virtio_console_ops = {
    .memory_bytes = console_memory_bytes,
    .attach = console_attach,
    .rx_post = console_rx_post,
    .rx_take = console_rx_take,
    .rx_ask = console_rx_ask,
    .rx_kick = console_rx_kick,
    .write = virtio_console_write,
};
