/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport, for the platform that has a PCI host bridge, and for tests (virtio 1.2, 4.1).
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include <stdint.h>

#include "host.h"

/* Where PCI is. */
struct virtio_pci_bus {
    /* The configuration window (ECAM) of segment 0, at bus 0; 0: ports 0xcf8 and 0xcfc. */
    uint64_t ecam;
    uint8_t bus_last; /* the last bus the window covers */
    /* Address space for BARs that the firmware left unassigned: first address, and bytes. Nothing
     * but BARs lies in it; those assigned already are stepped over. Bytes 0: none. */
    uint64_t memory_base, memory_bytes;
    uint32_t port_base, port_bytes;
};

/* Finds all virtio devices, resets them, makes them ready for a frontend and tells
 * host->found. A device that cannot be used is left out, with one host->report. Called once (tests:
 * again forgets the devices of before); `host` stays for ever. */
void virtio_pci_find(const struct virtio_host *host, const struct virtio_pci_bus *bus);

#endif
