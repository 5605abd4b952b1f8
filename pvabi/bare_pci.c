/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the ring-0 platform has PCI: in the window that ACPI names, or behind the old ports. Called
 * by bare_buses.c when the program first asks for a device.
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

void bare_pci_find(const struct virtio_host *host)
{
    const struct bare_acpi *acpi = bare_acpi();
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
    virtio_pci_find(host, &bus);
}
