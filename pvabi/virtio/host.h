/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a virtio transport with registers needs from the machine it runs on: ports, device memory,
 * interrupts. A platform supplies one table; tests supply another and play the machine. For the
 * transports, what joins them to a platform, and tests.
 */
#ifndef VIRTIO_HOST_H
#define VIRTIO_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "transport.h"

/* In an interrupt's status: the configuration has changed (4.1.4.5, 4.2.2). */
#define VIRTIO_CONFIG_CHANGED 2u

/* What an interrupt does: if there is a status register of one byte that reading clears (a port, or
 * device memory), it is read, and zero means that another device interrupts; then the events are
 * raised, and with VIRTIO_CONFIG_CHANGED in the status PV_EVENT_SYSTEM, too. Plain data, because no code of ours runs on an interrupt's stack. */
struct virtio_source {
    const void *status;   /* NULL: none */
    uint16_t status_port; /* 0: none */
    void *mask;           /* of a message: a 1 written there silences it; NULL: nothing does */
    uint16_t event_first, event_count;
};

/* A PCI function's interrupt pin: what the firmware noted in its configuration (Interrupt Line; 0 and
 * 255: nothing), and the device on the root bus and its pin (0: INTA) that it comes out at. */
struct virtio_pin {
    uint8_t line;
    uint8_t device, pin;
};

struct virtio_host {
    /* Ports: 1, 2 or 4 bytes. */
    uint32_t (*port_read)(uint16_t port, unsigned bytes);
    void (*port_write)(uint16_t port, unsigned bytes, uint32_t value);

    /* Makes device memory accessible, uncached and for ever. Any alignment; NULL: impossible. */
    void *(*map)(uint64_t address, uint64_t bytes);
    /* Device memory that was mapped: one access of 1, 2 or 4 bytes, aligned. Ordinary stores made
     * before a write are visible to the device when it sees the write. */
    uint32_t (*read)(const void *at, unsigned bytes);
    void (*write)(void *at, unsigned bytes, uint32_t value);

    /* The first of `count` consecutive events that nobody else has; 0: no more. */
    unsigned (*events_take)(unsigned count);
    /* Connects a source (copied) to a message-signalled interrupt: the device is to write *data to
     * *address. 0, or a negative errno when there is no vector left. */
    int (*message_connect)(const struct virtio_source *source, uint64_t *address, uint32_t *data);
    /* Connects a source (copied) to the level-triggered interrupt line that a pin leads to. 0, or a
     * negative errno when nobody knows which one that is. */
    int (*line_connect)(const struct virtio_pin *pin, const struct virtio_source *source);

    /* One line for people: `where` names a device ("pci 00:03.0"), `what` says what is wrong. */
    void (*report)(const char *where, const char *what);

    /* Is a device with this virtio device id (5) of use? Others are left alone. */
    bool (*wanted)(uint32_t type);
    /* A device is ready for its frontend; the transport stays for ever. */
    void (*found)(uint32_t type, const struct virtio_transport *transport);
};

#endif
