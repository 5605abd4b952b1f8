/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mmio transport: a page of registers (virtio 1.2, 4.2), version 2 and the legacy version 1
 * (4.2.4). For the platform that knows where such pages are, and for tests.
 */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include <stdint.h>

#include "host.h"

/* Queues of one device (a console's are the most), and its events, which they share in turn: an
 * interrupt raises all of them. */
#define VIRTIO_MMIO_QUEUES_MAX 10u
#define VIRTIO_MMIO_EVENTS 4u
#define VIRTIO_MMIO_BYTES_MIN 0x100u

/* Registers that the platform's interrupt code reads and, when not zero, writes back. Bit 1 of the
 * status (VIRTIO_CONFIG_CHANGED in host.h) asks it to raise PV_EVENT_SYSTEM. */
#define VIRTIO_MMIO_INTERRUPT_STATUS 0x60u
#define VIRTIO_MMIO_INTERRUPT_ACK 0x64u

/* The virtio device id behind `registers`, which are mapped and `bytes` long; 0: no device, or
 * nothing that we know. Uses only `host`'s read and write. */
uint32_t virtio_mmio_type(const struct virtio_host *host, void *registers, uint64_t bytes);

/* Makes the device ready for its frontend: resets it and gives its queues the events from
 * `event_first` on. NULL when there are too many devices. The transport and `host` stay for
 * ever. */
const struct virtio_transport *virtio_mmio_open(const struct virtio_host *host, void *registers,
                                                uint64_t bytes, unsigned event_first);

#endif
