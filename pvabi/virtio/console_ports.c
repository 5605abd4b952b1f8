/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ports of a console device that has several (virtio 1.2, 5.3.6.2): which there are, and which
 * carries what. A port's name says its channel; the first other one for a console carries standard
 * input and output where no port is named for them. Ports are taken when the device is attached; of those
 * that come later nothing is said. Used by console.c.
 */
#include "arch/arch.h"
#include "arch/pvclock.h"
#include "console_device.h"

#define CONTROL_PATIENCE_NS 1000000000ull
#define PORTS_PATIENCE_NS 100000000ull

static enum console_role role_of(const char *name, size_t bytes)
{
    static const char *const names[] = {
        [CONSOLE_IN] = "coracle.stdin",
        [CONSOLE_OUT] = "coracle.stdout",
        [CONSOLE_ERR] = "coracle.stderr",
        [CONSOLE_LOG] = "coracle.log",
    };

    for (unsigned role = CONSOLE_IN; role <= CONSOLE_LOG; role++) {
        size_t length = __builtin_strlen(names[role]);

        /* Some devices send the terminator, too. */
        if (bytes >= length && __builtin_memcmp(name, names[role], length) == 0 &&
            (bytes == length || name[length] == '\0'))
            return (enum console_role)role;
    }
    return CONSOLE_NONE;
}

static int control_send(struct virtio_console *frontend, unsigned port,
                        enum virtio_console_event event, unsigned value)
{
    *frontend->control_out = (struct virtio_console_control){port, (uint16_t)event,
                                                             (uint16_t)value};
    return console_hand_over(frontend, &frontend->control_tx, CONSOLE_CONTROL_TX,
                             frontend->control_out, sizeof(*frontend->control_out),
                             CONTROL_PATIENCE_NS);
}

static void port_remove(struct virtio_console *frontend, struct console_port *port)
{
    if (port == frontend->input)
        frontend->input_ended = true;
    for (unsigned i = 0; i < 3; i++)
        if (frontend->outputs[i] == port)
            frontend->outputs[i] = NULL;
    port->added = false;
}

/* `message` is a copy. Ports that are not ours, and what is unknown, are passed over. */
static void message_take(struct virtio_console *frontend,
                         const struct virtio_console_control *message, const char *name,
                         size_t name_bytes)
{
    struct console_port *port;

    if (message->port >= CONSOLE_PORTS)
        return;
    port = &frontend->ports[message->port];
    if (message->event == VIRTIO_CONSOLE_PORT_ADD) {
        port->added = port->has_rx && port->has_tx;
        return;
    }
    if (!port->added)
        return;
    port->answered = true;
    switch (message->event) {
    case VIRTIO_CONSOLE_PORT_REMOVE:
        port_remove(frontend, port);
        break;
    case VIRTIO_CONSOLE_CONSOLE_PORT:
        port->console = true;
        break;
    case VIRTIO_CONSOLE_PORT_NAME:
        port->role = role_of(name, name_bytes);
        break;
    case VIRTIO_CONSOLE_PORT_OPEN:
        if (message->value == 0 && port == frontend->input)
            frontend->input_ended = true;
        break;
    default:
        break;
    }
}

/* No more messages at a time than there are buffers: each goes back to the device at once. */
int console_ports_look(struct virtio_console *frontend)
{
    struct virtqueue *vq = &frontend->control_rx;
    char message[CONSOLE_CONTROL_BYTES];
    struct virtio_console_control head;
    struct virtqueue_used used;
    int got = 0;

    for (unsigned i = 0; i < vq->size && (got = virtqueue_take(vq, &used)) > 0; i++) {
        struct virtqueue_buffer buffer = {used.cookie, CONSOLE_CONTROL_BYTES};

        if (used.bytes < sizeof(head))
            return console_fail(frontend, "a control message is too short");
        __builtin_memcpy(message, used.cookie, used.bytes);
        __builtin_memcpy(&head, message, sizeof(head));
        message_take(frontend, &head, message + sizeof(head), used.bytes - sizeof(head));
        (void)virtqueue_add(vq, &buffer, 0, 1, used.cookie); /* its descriptor is free */
    }
    if (got < 0)
        return console_fail(frontend, vq->fault);
    if (virtqueue_publish(vq))
        frontend->transport->ops->notify(frontend->transport, CONSOLE_CONTROL_RX);
    return 0;
}

void console_ports_assign(struct virtio_console *frontend)
{
    struct console_port *named[CONSOLE_LOG + 1] = {NULL}, *first = NULL;

    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        struct console_port *port = &frontend->ports[i];

        if (!port->added)
            continue;
        if (named[port->role] == NULL)
            named[port->role] = port;
        if (port->console && port->role == CONSOLE_NONE && first == NULL)
            first = port;
    }
    frontend->input = named[CONSOLE_IN] != NULL ? named[CONSOLE_IN] : first;
    frontend->outputs[PV_STDOUT] = named[CONSOLE_OUT] != NULL ? named[CONSOLE_OUT] : first;
    for (unsigned i = PV_STDERR; i <= PV_LOG; i++) {
        struct console_port *own = named[CONSOLE_OUT + i];

        frontend->outputs[i] = own != NULL ? own : frontend->outputs[i - 1];
    }
}

/* Greets the ports that were added. True once each of them has said something about itself. */
static bool ports_greet(struct virtio_console *frontend)
{
    bool any = false, all = true;

    for (unsigned i = 0; i < CONSOLE_PORTS && !frontend->console.fault; i++) {
        struct console_port *port = &frontend->ports[i];

        if (port->added && !port->greeted) {
            port->greeted = true;
            (void)control_send(frontend, i, VIRTIO_CONSOLE_PORT_READY, 1);
        }
        any = any || port->added;
        all = all && (!port->added || port->answered);
    }
    return any && all;
}

static bool is_used(const struct virtio_console *frontend, const struct console_port *port)
{
    bool used = port == frontend->input;

    for (unsigned i = 0; i < 3; i++)
        used = used || port == frontend->outputs[i];
    return used;
}

int console_ports_find(struct virtio_console *frontend, char *buffers, unsigned count)
{
    uint64_t deadline_ns = pvclock_read_ns(pv_clock) + PORTS_PATIENCE_NS;

    for (unsigned i = 0; i < count; i++) {
        char *at = buffers + (size_t)i * CONSOLE_CONTROL_BYTES;
        struct virtqueue_buffer buffer = {at, CONSOLE_CONTROL_BYTES};

        (void)virtqueue_add(&frontend->control_rx, &buffer, 0, 1, at);
    }
    if (console_ports_look(frontend) < 0 || /* shows the buffers */
        control_send(frontend, 0, VIRTIO_CONSOLE_DEVICE_READY, 1) < 0)
        return -EIO;
    /* QEMU answers a message before it gives it back; others may take a while. */
    do {
        if (console_ports_look(frontend) < 0)
            return -EIO;
        arch_pause();
    } while (!ports_greet(frontend) && pvclock_read_ns(pv_clock) < deadline_ns);
    if (console_ports_look(frontend) < 0)
        return -EIO;
    console_ports_assign(frontend);
    for (unsigned i = 0; i < CONSOLE_PORTS; i++)
        if (is_used(frontend, &frontend->ports[i]) &&
            control_send(frontend, i, VIRTIO_CONSOLE_PORT_OPEN, 1) < 0)
            return -EIO;
    return 0;
}
