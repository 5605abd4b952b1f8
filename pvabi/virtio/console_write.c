/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output of the console frontend, handed over at once: copied out, so that a device that keeps a
 * buffer too long reads nothing else, posted, and awaited by looking. Usable in any context, also
 * while the guest crashes. Used through virtio_console_ops and by console_ports.c.
 */
#include "arch/arch.h"
#include "arch/pvclock.h"
#include "console_device.h"

/* As long as a reader behind the device may dally. */
#define OUT_PATIENCE_NS 30000000000ull

int console_hand_over(struct virtio_console *frontend, struct virtqueue *vq, unsigned queue,
                      const void *data, uint32_t bytes, uint64_t patience_ns)
{
    /* The device only reads it: the descriptor carries no WRITE flag. */
    struct virtqueue_buffer part = {(void *)(uintptr_t)data, bytes};
    uint64_t deadline_ns = 0;
    struct virtqueue_used used;
    int got;

    if (virtqueue_add(vq, &part, 1, 0, frontend) < 0)
        return console_fail(frontend, "a queue for output is full");
    if (virtqueue_publish(vq))
        frontend->transport->ops->notify(frontend->transport, queue);
    while ((got = virtqueue_take(vq, &used)) == 0) {
        uint64_t now_ns = pvclock_read_ns(pv_clock);

        if (deadline_ns == 0)
            deadline_ns = now_ns + patience_ns;
        if (now_ns >= deadline_ns)
            return console_fail(frontend, "output is not taken");
        arch_pause();
    }
    return got < 0 ? console_fail(frontend, vq->fault) : 0;
}

/* Byte by byte through the configuration (5.3.4), which needs no queue. */
static void emergency_write(const struct virtio_console *frontend, const char *data, size_t bytes)
{
    const struct virtio_transport *transport = frontend->transport;

    for (size_t i = 0; i < bytes; i++)
        transport->ops->config_write(
            transport, offsetof(struct virtio_console_config, emergency_write), (uint8_t)data[i]);
}

long virtio_console_write(struct pv_console *console, enum pv_channel channel, const void *data,
                          size_t bytes)
{
    struct virtio_console *frontend = (struct virtio_console *)(void *)console;
    struct console_port *port = frontend->outputs[channel];
    const char *from = data;
    size_t done = 0;

    while (done < bytes && port != NULL && !console->fault) {
        size_t part = bytes - done < CONSOLE_OUT_BYTES ? bytes - done : CONSOLE_OUT_BYTES;

        __builtin_memcpy(frontend->out, from + done, part);
        if (console_hand_over(frontend, &port->tx, CONSOLE_TX((unsigned)(port - frontend->ports)),
                              frontend->out, (uint32_t)part, OUT_PATIENCE_NS) == 0)
            done += part;
    }
    /* The last words of a guest, and why the device is out of service. */
    if (done < bytes && channel == PV_LOG && frontend->features & VIRTIO_CONSOLE_F_EMERG_WRITE) {
        emergency_write(frontend, from + done, bytes - done);
        done = bytes;
    }
    return done > 0 || bytes == 0 ? (long)done : -EIO;
}
