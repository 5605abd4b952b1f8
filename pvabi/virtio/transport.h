/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a virtio frontend reaches its device, whatever lies between: memory given in a boot record
 * (native), registers (mmio), capabilities (pci). A transport implements the operations; the
 * frontends call them, in this order (virtio 1.2, 3.1.1):
 *
 *     queue_size, queue_bytes        any time, to size the attach memory
 *     begin, features, accept        reset, ACKNOWLEDGE, DRIVER; ...; FEATURES_OK
 *     config_generation, config_read, config_write
 *     queue_setup                    for each queue
 *     driver_ok
 *     notify, config_*, working, fail   in service
 *
 * No operation blocks on the device for long or allocates. What a device says once (queue sizes) a
 * transport reads once, so that later calls repeat the first answer.
 */
#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virtio_transport;

/* Where a queue came to lie. The three parts start zeroed. */
struct virtio_queue_place {
    void *desc;
    void *avail;
    void *used;
    unsigned event; /* raised for used buffers */
};

struct virtio_transport_ops {
    /* Resets the device and says that a driver is there. 0 or -EIO. */
    int (*begin)(const struct virtio_transport *transport);
    /* The features that the device offers. */
    uint64_t (*features)(const struct virtio_transport *transport);
    /* Tells the device the subset that is used. 0, or -EIO when the device refuses. */
    int (*accept)(const struct virtio_transport *transport, uint64_t features);

    /* How many descriptors the queue will have: a power of two, at most `wanted` where the
     * transport lets the driver choose; 0 when there is no such queue. Always the same answer. */
    uint16_t (*queue_size)(const struct virtio_transport *transport, unsigned queue,
                           uint16_t wanted);
    /* Page-aligned bytes that queue_setup wants for a queue of `size`; 0 when the memory of the
     * rings comes from elsewhere. */
    size_t (*queue_bytes)(const struct virtio_transport *transport, unsigned queue, uint16_t size);
    /* Puts the queue to work in `memory`: zeroed, page-aligned, queue_bytes long. 0 or -EIO. */
    int (*queue_setup)(const struct virtio_transport *transport, unsigned queue, uint16_t size,
                       void *memory, struct virtio_queue_place *place);

    /* DRIVER_OK: from now on the device may use its queues. */
    void (*driver_ok)(const struct virtio_transport *transport);
    /* New available buffers in `queue`. */
    void (*notify)(const struct virtio_transport *transport, unsigned queue);
    /* Reads one field of 1, 2, 4 or 8 bytes of the device's configuration; zero beyond its end. */
    uint64_t (*config_read)(const struct virtio_transport *transport, uint32_t offset,
                            unsigned bytes);
    /* Writes one field of 4 bytes there; nothing beyond its end. */
    void (*config_write)(const struct virtio_transport *transport, uint32_t offset, uint32_t value);
    /* Differs after the configuration changed (2.5.1); always 0 on legacy devices. */
    uint32_t (*config_generation)(const struct virtio_transport *transport);
    /* The event that is raised when the configuration changes: the device's own, one of its queues',
     * or PV_EVENT_SYSTEM. */
    unsigned (*config_event)(const struct virtio_transport *transport);
    /* Is the device there, and at work? After DRIVER_OK: false when it has vanished, was reset by
     * someone else, or asks for a reset (2.1.2). NULL: it cannot. */
    bool (*working)(const struct virtio_transport *transport);
    /* FAILED: the driver has given the device up. It is not notified any more. */
    void (*fail)(const struct virtio_transport *transport);
};

/* First member of each transport's own per-device structure. */
struct virtio_transport {
    const struct virtio_transport_ops *ops;
};

#endif
