/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses for BARs that the firmware left unassigned (small firmware does): taken from the
 * windows that the platform names, behind all that is assigned already. Used by pci.c.
 */
#include "pci_device.h"

/* Moves the first free address behind a BAR that lies in the window. */
static void step_over(uint64_t *next, uint64_t window, uint64_t window_bytes,
                      const struct pci_bar *bar)
{
    if (bar->bytes && bar->base >= window && bar->base - window < window_bytes &&
        bar->base + bar->bytes > *next)
        *next = bar->base + bar->bytes;
}

static void survey(const struct pci_function *function, void *argument)
{
    struct pci_space *space = argument;
    uint32_t command = pci_config_read(function, PCI_COMMAND, 2);
    struct pci_bar bars[PCI_BARS];

    if ((pci_config_read(function, PCI_HEADER_TYPE, 1) & ~PCI_HEADER_MULTIFUNCTION) != 0)
        return; /* bridges have fewer BARs, and none that matter */
    /* Measuring moves the BARs about for a moment. */
    pci_config_write(function, PCI_COMMAND, 2, command & ~(PCI_COMMAND_MEMORY | PCI_COMMAND_PORTS));
    pci_bars_read(function, bars);
    pci_config_write(function, PCI_COMMAND, 2, command);
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (bars[i].ports)
            step_over(&space->port_next, space->bus->port_base, space->bus->port_bytes, &bars[i]);
        else
            step_over(&space->memory_next, space->bus->memory_base, space->bus->memory_bytes,
                      &bars[i]);
    }
}

/* Takes `bytes` aligned bytes out of a window; 0: it is full. */
static uint64_t take(uint64_t *next, uint64_t window, uint64_t window_bytes, uint64_t bytes)
{
    uint64_t at = (*next + bytes - 1u) & ~(bytes - 1u);

    if (at < *next || at - window > window_bytes || bytes > window_bytes - (at - window))
        return 0;
    *next = at + bytes;
    return at;
}

const char *pci_space_assign(struct pci_space *space, const struct pci_function *function,
                             struct pci_bar bars[PCI_BARS])
{
    const struct virtio_pci_bus *bus = space->bus;

    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *bar = &bars[i];

        if (bar->bytes == 0 || bar->base != 0)
            continue;
        if (function->address >> 8 != 0)
            return "a BAR behind a bridge has no address";
        if (!space->surveyed) {
            space->surveyed = true;
            space->memory_next = bus->memory_base;
            space->port_next = bus->port_base;
            pci_functions_visit(function->host, bus, survey, space);
        }
        bar->base = bar->ports
                        ? take(&space->port_next, bus->port_base, bus->port_bytes, bar->bytes)
                        : take(&space->memory_next, bus->memory_base, bus->memory_bytes,
                               bar->bytes);
        if (bar->base == 0)
            return "there is no address space for a BAR";
        pci_bar_write(function, i, bar, bar->base);
    }
    return NULL;
}
