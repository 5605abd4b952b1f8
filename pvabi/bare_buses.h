/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of the ring-0 platform: what the buses tell bare_buses.c. For pvabi/bare_*.c only.
 */
#ifndef PVABI_BARE_BUSES_H
#define PVABI_BARE_BUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "pvabi/pv.h"
#include "virtio/host.h"

/* Is a device with this virtio device id of use? */
bool bare_buses_wanted(uint32_t type);
/* Takes a device in, the next of its class. */
void bare_buses_found(uint32_t type, const struct virtio_transport *transport);

/* Console `number` of bare_devices' table was attached by the platform. */
void bare_buses_attached(unsigned number, struct pv_console *console);

/* bare_host.c: the machine, for the transports. */
extern const struct virtio_host bare_host;

struct bare_source;
struct bare_source bare_host_source(const struct virtio_source *source);
/* bare_lines.c: virtio_host.line_connect. */
int bare_lines_connect(const struct virtio_pin *pin, const struct virtio_source *source);

/* bare_mmio.c: looks where the command line and ACPI say. */
void bare_mmio_find(const struct virtio_host *host);
/* bare_pci.c: looks for devices on PCI. */
void bare_pci_find(const struct virtio_host *host);

#endif
