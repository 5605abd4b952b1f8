/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the ring-0 platform has PCI: in the window that ACPI names (a table of its own, or the host
 * bridge's object), or behind the old ports. Called by bare_buses.c when the program first asks for
 * a device.
 */
#include "bare/bare.h"
#include "bare_buses.h"
#include "virtio/pci.h"

/* Where unassigned BARs may go: above every 32-bit RAM and window that VMMs with firmware small
 * enough to leave them unassigned have, and below the interrupt controllers; ports above those of
 * old devices. */
#define BAR_MEMORY_BASE 0xf0000000ull
#define BAR_MEMORY_END 0xfec00000ull
#define BAR_PORT_BASE 0xc000u
#define BAR_PORT_END 0xd000u

#define ECAM_BUS_BYTES 0x100000u

void bare_pci_find(const struct virtio_host *host)
{
    const struct bare_acpi *acpi = bare_acpi();
    const struct bare_aml *objects = bare_acpi_devices();
    struct virtio_pci_bus bus = {
        .memory_base = BAR_MEMORY_BASE,
        .memory_bytes = BAR_MEMORY_END - BAR_MEMORY_BASE,
        .port_base = BAR_PORT_BASE,
        .port_bytes = BAR_PORT_END - BAR_PORT_BASE,
    };

    for (unsigned i = 0; i < acpi->ecam_count && bus.ecam == 0; i++) {
        if (acpi->ecams[i].segment != 0 || acpi->ecams[i].bus_first != 0)
            continue;
        bus.ecam = acpi->ecams[i].address;
        bus.bus_last = acpi->ecams[i].bus_last;
    }
    if (bus.ecam == 0 && objects->pci.ecam % ECAM_BUS_BYTES == 0) {
        bus.ecam = objects->pci.ecam;
        bus.bus_last = objects->pci.bus_last;
    }
    if (objects->pci.memory_bytes > 0) {
        bus.memory_base = objects->pci.memory;
        bus.memory_bytes = objects->pci.memory_bytes;
    }
    virtio_pci_find(host, &bus);
}
