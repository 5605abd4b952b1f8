/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What we want of ACPI's tables: IO-APICs and interrupt overrides (MADT), PCI configuration windows
 * (MCFG), how to power off and reset (FADT, and \_S5 in the DSDT), where the definition blocks lie
 * (aml.h). Pure: memory is read through a function. For firmware.c and host tests.
 */
#ifndef BARE_ACPI_H
#define BARE_ACPI_H

#include "aml.h"
#include "bootinfo.h"

#define BARE_IOAPICS_MAX 8u
#define BARE_OVERRIDES_MAX 16u
#define BARE_ECAMS_MAX 4u
#define BARE_SSDTS_MAX 8u

/* A register in the terms of ACPI 6.5, 5.2.3.2. */
struct bare_register {
    uint8_t space; /* 0 memory, 1 port */
    uint8_t bits;
    uint64_t address; /* 0: there is none */
};

struct bare_acpi {
    bool found;
    struct {
        uint64_t address;
        uint32_t first_line;
    } ioapics[BARE_IOAPICS_MAX];
    unsigned ioapic_count;
    struct {
        uint8_t isa;
        uint32_t line;
        bool says_trigger; /* otherwise it is triggered as is usual on its bus */
        bool level, active_low;
    } overrides[BARE_OVERRIDES_MAX];
    unsigned override_count;
    struct {
        uint64_t address;
        uint16_t segment;
        uint8_t bus_first, bus_last;
    } ecams[BARE_ECAMS_MAX];
    unsigned ecam_count;
    bool hardware_reduced;
    struct bare_register pm1a, pm1b;    /* control registers */
    struct bare_register sleep_control; /* of hardware-reduced ACPI */
    struct bare_register reset;
    uint8_t reset_value;
    uint64_t dsdt;                  /* address, not looked at yet; 0: none */
    uint64_t ssdts[BARE_SSDTS_MAX]; /* addresses; the tables are sound */
    unsigned ssdt_count;
};

/* Follows the root pointer at `rsdp`; what is malformed counts as missing. `out` starts as
 * zeros. */
void bare_acpi_parse(bare_reader read, uint64_t rsdp, struct bare_acpi *out);
/* The root pointer in [begin, end), which is readable; 0: none. */
uint64_t bare_acpi_search(bare_reader read, uint64_t begin, uint64_t end);

/* What the sleep control registers take for power-off. */
struct bare_sleep_types {
    uint8_t a, b;
};

/* Looks through the DSDT for them; false: they are not there. Only who powers off needs them. */
bool bare_acpi_s5(bare_reader read, const struct bare_acpi *acpi, struct bare_sleep_types *out);

/* A whole table, or NULL when it is out of reach or damaged. */
const uint8_t *bare_acpi_table(bare_reader read, uint64_t address, uint32_t *bytes);
#define BARE_ACPI_HEADER_BYTES 36u

/* Where an ISA interrupt arrives, and how: by an override, or as it is. Others are left alone. */
struct bare_aml_line bare_acpi_line(const struct bare_acpi *acpi, struct bare_aml_line line);

#endif
