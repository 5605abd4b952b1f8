/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What we want of ACPI's definition blocks (DSDT, SSDTs): virtio-mmio devices, and where the PCI
 * host bridge has its configuration, its memory and its interrupts. No interpreter: only objects
 * that are constants count. Pure; for firmware.c and host tests.
 */
#ifndef BARE_AML_H
#define BARE_AML_H

#include <stdbool.h>
#include <stdint.h>

#define BARE_AML_MMIO_MAX 32u
#define BARE_AML_ROUTES_MAX 128u
#define BARE_AML_LINKS_MAX 8u

/* An interrupt as a _CRS names it. */
struct bare_aml_line {
    uint32_t line; /* a global system interrupt, or an ISA interrupt */
    bool is_isa;
    bool level, active_low;
};

struct bare_aml_mmio {
    uint64_t address, bytes;
    struct bare_aml_line interrupt;
};

/* An entry of the host bridge's _PRT: which interrupt a device's pin raises. */
struct bare_aml_route {
    uint8_t device, pin; /* pin 0 is INTA */
    uint32_t link;       /* the name of the link device that knows it, or 0 */
    struct bare_aml_line interrupt;
};

struct bare_aml {
    struct bare_aml_mmio mmio[BARE_AML_MMIO_MAX];
    unsigned mmio_count;
    bool mmio_dropped; /* there were more */
    struct {
        uint64_t ecam; /* configuration window at bus 0; 0: not named here */
        uint8_t bus_last;
        uint64_t memory, memory_bytes; /* the greatest window below 4 GiB; bytes 0: none */
    } pci;
    struct bare_aml_route routes[BARE_AML_ROUTES_MAX];
    unsigned route_count;
    struct {
        uint32_t name;
        struct bare_aml_line interrupt;
    } links[BARE_AML_LINKS_MAX];
    unsigned link_count;
};

/* Adds what a definition block (without the table's header) says to `out`, which starts as zeros.
 * A part that is malformed or no constant is passed over, with what lies in it. */
void bare_aml_scan(const uint8_t *aml, uint32_t bytes, struct bare_aml *out);
/* The interrupt of a pin (0: INTA) of a device on the root bus; NULL: the tables do not say. Call
 * it when all blocks were scanned. */
const struct bare_aml_line *bare_aml_route(const struct bare_aml *aml, unsigned device,
                                           unsigned pin);

#endif
