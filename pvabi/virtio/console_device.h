/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console frontend's parts among each other (console*.c): what is known of one device.
 */
#ifndef VIRTIO_CONSOLE_DEVICE_H
#define VIRTIO_CONSOLE_DEVICE_H

#include "attach.h"
#include "console.h"
#include "pvabi/errno.h"
#include "pvabi/pv.h"
#include "wire.h"

/* Ports beyond these are left alone: there are no more channels. */
#define CONSOLE_PORTS 4u

/* Queues (5.3.2): port 0's two, those for control, then two for each other port. */
enum console_queue { CONSOLE_CONTROL_RX = 2, CONSOLE_CONTROL_TX = 3 };
#define CONSOLE_RX(port) ((port) == 0 ? 0u : 2u * (port) + 2u)
#define CONSOLE_TX(port) (CONSOLE_RX(port) + 1u)

#define CONSOLE_RING_WANTED 16u
#define CONSOLE_CONTROL_WANTED 32u /* QEMU has as many, and drops what finds no buffer */
#define CONSOLE_CONTROL_BYTES 128u /* of one message with its name */
#define CONSOLE_OUT_BYTES 1024u    /* handed over at once */

/* What a port may be for, by its name. */
enum console_role { CONSOLE_NONE, CONSOLE_IN, CONSOLE_OUT, CONSOLE_ERR, CONSOLE_LOG };

struct console_port {
    struct virtqueue rx, tx;
    unsigned rx_event;
    bool has_rx, has_tx; /* the device has these queues */
    bool added;          /* the device said that there is such a port */
    bool answered;       /* ... and something about it */
    bool greeted;        /* we said that we are ready for it */
    bool console;        /* the device said that it is for a console */
    enum console_role role;
};

struct virtio_console {
    struct pv_console console; /* first: what the kernel sees */
    const struct virtio_transport *transport;
    uint64_t features;
    struct console_port ports[CONSOLE_PORTS];
    struct console_port *input;      /* where input comes from, or NULL */
    struct console_port *outputs[3]; /* by enum pv_channel; NULL: there is none */
    bool input_ended;                /* its port was closed or removed */
    char *out; /* CONSOLE_OUT_BYTES, the device's while they are handed over */

    /* With more ports than one. */
    struct virtqueue control_rx, control_tx;
    struct virtio_console_control *control_out; /* the device's while it is sent */
};

static inline bool console_multiport(const struct virtio_console *frontend)
{
    return (frontend->features & VIRTIO_CONSOLE_F_MULTIPORT) != 0;
}

/* ---- console.c ---------------------------------------------------------------------------- */

/* Out of service, both directions: tells the device and keeps the first reason. -EIO. */
int console_fail(struct virtio_console *frontend, const char *reason);

/* ---- console_write.c ---------------------------------------------------------------------- */

/* Hands one buffer over in a queue that holds nothing else, and waits until the device has used it,
 * at most so long. 0 or -EIO. */
int console_hand_over(struct virtio_console *frontend, struct virtqueue *vq, unsigned queue,
                      const void *data, uint32_t bytes, uint64_t patience_ns);
long virtio_console_write(struct pv_console *console, enum pv_channel channel, const void *data,
                          size_t bytes);

/* ---- console_ports.c ---------------------------------------------------------------------- */

/* Gives the device `count` buffers of CONSOLE_CONTROL_BYTES for its messages, asks for its ports and
 * awaits them, a tenth of a second at most; then decides what each is for. 0 or -EIO. */
int console_ports_find(struct virtio_console *frontend, char *buffers, unsigned count);
/* Looks at messages that came since. 0 or -EIO. */
int console_ports_look(struct virtio_console *frontend);
/* Decides which port carries what. */
void console_ports_assign(struct virtio_console *frontend);

#endif
