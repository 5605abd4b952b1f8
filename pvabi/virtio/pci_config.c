/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration space: access through the memory window (ECAM) or the ports, the walk over all
 * functions, and base address registers. Used by the PCI transport while it looks for devices, on
 * one thread; nothing here is called later, so the two ports are never used by two at a time.
 */
#include "pci_device.h"

#define PCI_PORT_ADDRESS 0xcf8u
#define PCI_PORT_DATA 0xcfcu
#define PCI_PORT_ENABLE 0x80000000u
#define PCI_ECAM_BUS_BYTES 0x100000u
#define PCI_ECAM_FUNCTION_BYTES 0x1000u
#define PCI_BUSES 256u
#define PCI_NOBODY 0xffffu

#define PCI_BAR_PORTS 1u
#define PCI_BAR_TYPE 6u /* of memory: 0 is 32 bits wide, 4 is 64, the others are reserved */
#define PCI_BAR_TYPE_64 4u
#define PCI_BAR_FLAGS 0xfu
#define PCI_BAR_FLAGS_PORTS 3u

static void config_select(const struct pci_function *function, unsigned offset)
{
    function->host->port_write(PCI_PORT_ADDRESS, 4,
                               PCI_PORT_ENABLE | (uint32_t)function->address << 8 | (offset & ~3u));
}

uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned bytes)
{
    if (function->window)
        return function->host->read(function->window + offset, bytes);
    config_select(function, offset);
    return function->host->port_read((uint16_t)(PCI_PORT_DATA + (offset & 3u)), bytes);
}

void pci_config_write(const struct pci_function *function, unsigned offset, unsigned bytes,
                      uint32_t value)
{
    if (function->window) {
        function->host->write(function->window + offset, bytes, value);
        return;
    }
    config_select(function, offset);
    function->host->port_write((uint16_t)(PCI_PORT_DATA + (offset & 3u)), bytes, value);
}

/* ---- the walk ----------------------------------------------------------------------------- */

struct walk {
    const struct virtio_host *host;
    void (*visit)(const struct pci_function *function, void *argument);
    void *argument;
    uint64_t buses[PCI_BUSES / 64u]; /* those that bridges lead to */
    uint8_t root_device[PCI_BUSES];  /* of the bridges, as in struct pci_function */
    uint8_t root_turns[PCI_BUSES];
};

/* Buses behind bridges have higher numbers, so one ascending pass meets each once, and a bridge
 * that claims another one leads nowhere. */
static void walk_function(struct walk *walk, const struct pci_function *function, unsigned header)
{
    unsigned secondary;

    walk->visit(function, walk->argument);
    if (header != PCI_HEADER_BRIDGE)
        return;
    secondary = pci_config_read(function, PCI_SECONDARY_BUS, 1);
    walk->buses[secondary / 64u] |= 1ull << (secondary % 64u);
    walk->root_device[secondary] = function->root_device;
    walk->root_turns[secondary] = function->root_turns;
}

static void walk_bus(struct walk *walk, unsigned bus, char *window)
{
    for (unsigned device = 0; device < 32u; device++) {
        unsigned functions = 1;

        for (unsigned i = 0; i < functions; i++) {
            unsigned place = device << 3 | i;
            struct pci_function function = {
                .host = walk->host,
                .window = window ? window + (size_t)place * PCI_ECAM_FUNCTION_BYTES : NULL,
                .address = (uint16_t)(bus << 8 | place),
                .root_device = (uint8_t)(bus > 0 ? walk->root_device[bus] : device),
                .root_turns = (uint8_t)(bus > 0 ? walk->root_turns[bus] + device : 0),
            };
            unsigned header;

            if (pci_config_read(&function, PCI_ID, 2) == PCI_NOBODY)
                continue; /* without function 0 there are no others */
            header = pci_config_read(&function, PCI_HEADER_TYPE, 1);
            if (i == 0 && header & PCI_HEADER_MULTIFUNCTION)
                functions = 8;
            walk_function(walk, &function, header & ~PCI_HEADER_MULTIFUNCTION);
        }
    }
}

/* Without a host bridge nobody keeps what is written to its address port. */
static bool ports_there(const struct virtio_host *host)
{
    host->port_write(PCI_PORT_ADDRESS, 4, PCI_PORT_ENABLE);
    return host->port_read(PCI_PORT_ADDRESS, 4) == PCI_PORT_ENABLE;
}

void pci_functions_visit(const struct virtio_host *host, const struct virtio_pci_bus *bus,
                         void (*visit)(const struct pci_function *function, void *argument),
                         void *argument)
{
    struct walk walk = {.host = host, .visit = visit, .argument = argument, .buses = {1}};

    if (!bus->ecam && !ports_there(host))
        return;
    for (unsigned i = 0; i < PCI_BUSES; i++) {
        char *window = NULL;

        if (!(walk.buses[i / 64u] >> (i % 64u) & 1u))
            continue;
        if (bus->ecam) {
            if (i > bus->bus_last)
                break;
            window = host->map(bus->ecam + (uint64_t)i * PCI_ECAM_BUS_BYTES, PCI_ECAM_BUS_BYTES);
            if (!window) {
                host->report("pci", "the configuration window cannot be mapped");
                break;
            }
        }
        walk_bus(&walk, i, window);
    }
}

/* ---- base address registers --------------------------------------------------------------- */

/* Writes all ones and sees which bits stick; what was there before comes back. */
static uint32_t bar_probe(const struct pci_function *function, unsigned bar, uint32_t before)
{
    uint32_t mask;

    pci_config_write(function, PCI_BAR(bar), 4, UINT32_MAX);
    mask = pci_config_read(function, PCI_BAR(bar), 4);
    pci_config_write(function, PCI_BAR(bar), 4, before);
    return mask;
}

/* Reads BAR `bar` and returns how many registers it takes. */
static unsigned bar_read(const struct pci_function *function, unsigned bar, struct pci_bar *into)
{
    uint32_t low = pci_config_read(function, PCI_BAR(bar), 4), high;
    uint64_t mask = bar_probe(function, bar, low);

    if (low & PCI_BAR_PORTS) {
        mask &= UINT16_MAX & ~PCI_BAR_FLAGS_PORTS;
        *into = (struct pci_bar){low & UINT16_MAX & ~PCI_BAR_FLAGS_PORTS, mask & -mask, true};
        return 1;
    }
    mask &= ~(uint64_t)PCI_BAR_FLAGS;
    *into = (struct pci_bar){low & ~PCI_BAR_FLAGS, mask & -mask, false};
    if ((low & PCI_BAR_TYPE) == 0)
        return 1;
    if ((low & PCI_BAR_TYPE) != PCI_BAR_TYPE_64 || bar + 1u == PCI_BARS) {
        into->bytes = 0;
        return 1;
    }
    high = pci_config_read(function, PCI_BAR(bar + 1u), 4);
    mask |= (uint64_t)bar_probe(function, bar + 1u, high) << 32;
    into->base |= (uint64_t)high << 32;
    into->bytes = mask & -mask; /* the lowest bit that sticks */
    return 2;
}

void pci_bars_read(const struct pci_function *function, struct pci_bar bars[PCI_BARS])
{
    for (unsigned i = 0; i < PCI_BARS; i++)
        bars[i] = (struct pci_bar){0};
    for (unsigned i = 0; i < PCI_BARS;)
        i += bar_read(function, i, &bars[i]);
}

void pci_bar_write(const struct pci_function *function, unsigned bar, const struct pci_bar *to,
                   uint64_t base)
{
    uint32_t before = pci_config_read(function, PCI_BAR(bar), 4);

    pci_config_write(function, PCI_BAR(bar), 4, (uint32_t)base);
    if (!to->ports && (before & PCI_BAR_TYPE) == PCI_BAR_TYPE_64)
        pci_config_write(function, PCI_BAR(bar + 1u), 4, (uint32_t)(base >> 32));
}
