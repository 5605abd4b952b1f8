/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device played by a test: a transport without hardware, and the device's side of its
 * queues with nothing checked, so that a test can be as hostile as it likes. Each part of a ring is
 * an allocation of its own, so that the address sanitizer sees any step beyond it.
 */
#ifndef TESTS_DEVICE_H
#define TESTS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvabi/pv.h"
#include "pvabi/virtio/transport.h"
#include "pvabi/virtio/wire.h"

#define DEVICE_QUEUES 10u
#define DEVICE_CONFIG_BYTES 64u

struct device_queue {
    uint16_t size; /* 0: missing */
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    struct virtq_used *used;
    uint16_t avail_next; /* what device_next takes next */
    unsigned notified;
    bool set_up;
};

struct device {
    struct virtio_transport transport; /* first */
    struct pv_device pv;               /* what goes to a frontend */
    uint64_t offered, accepted;
    uint8_t config[DEVICE_CONFIG_BYTES];
    uint32_t config_bytes;
    uint32_t generation;
    bool restless;      /* the configuration changes with each look */
    bool refuses;       /* feature negotiation fails */
    bool breaks_set_up; /* queue_setup fails */
    bool gone;          /* it has vanished */
    bool begun, driver_ok;
    uint32_t written[DEVICE_CONFIG_BYTES / 4]; /* the last word that the driver wrote there */
    unsigned config_writes;
    unsigned failed;   /* how often the frontend gave up */
    bool driver_rings; /* ring memory comes out of the frontend's memory, as with mmio and pci */
    struct device_queue queues[DEVICE_QUEUES];
    /* Called by each notification, NULL: nobody; so that a device can answer a frontend that waits. */
    void (*on_notify)(struct device *device, unsigned queue);
    void *context; /* of on_notify's */
};

/* A device with `queue_count` queues of `size` descriptors. */
void device_open(struct device *device, enum pv_class class, uint64_t offered, unsigned queue_count,
                 uint16_t size);
void device_close(struct device *device);

/* Allocates a queue's parts outside a device, for tests of the virtqueue alone. */
void device_queue_open(struct device_queue *queue, uint16_t size);
void device_queue_close(struct device_queue *queue);
struct virtio_queue_place device_queue_place(const struct device_queue *queue);

/* Takes the next available chain's head; false when there is none. */
bool device_next(struct device_queue *queue, uint16_t *head);
/* The n-th descriptor of a chain, NULL beyond its end. */
struct virtq_desc *device_desc(const struct device_queue *queue, uint16_t head, unsigned n);
/* Address of the n-th descriptor's buffer. */
void *device_buffer(const struct device_queue *queue, uint16_t head, unsigned n);
unsigned device_chain_length(const struct device_queue *queue, uint16_t head);
/* Gives a chain back, whatever `id` and `bytes` say. */
void device_use(struct device_queue *queue, uint32_t id, uint32_t bytes);
/* The event indexes: the driver's wish, and the device's. */
uint16_t device_used_event(const struct device_queue *queue);
void device_avail_event_set(struct device_queue *queue, uint16_t event);

#endif
