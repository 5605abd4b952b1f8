/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IO-APICs, as ACPI names them; without ACPI the one that every VMM has at the usual address,
 * and QEMU microvm's second one.
 */
#include "bare.h"
#include "pvabi/errno.h"

#define IOAPIC_ADDRESS 0xfec00000u
#define IOAPIC_SECOND 0xfec10000u
#define IOAPIC_LINES 24u
#define IOAPIC_BYTES 0x20u
#define IOAPIC_DATA 0x10u
#define REGISTER_VERSION 0x01u
#define REGISTER_REDIRECTION 0x10u
#define REDIRECTION_ACTIVE_LOW (1u << 13)
#define REDIRECTION_LEVEL (1u << 15)
#define REDIRECTION_MASKED (1u << 16)
#define NOT_THERE 0xffffffffu

static uint32_t bare_ioapic_read(volatile char *base, uint32_t index)
{
    *(volatile uint32_t *)base = index;
    return *(volatile uint32_t *)(base + IOAPIC_DATA);
}

static void bare_ioapic_write(volatile char *base, uint32_t index, uint32_t value)
{
    *(volatile uint32_t *)base = index;
    *(volatile uint32_t *)(base + IOAPIC_DATA) = value;
}

/* Routes a line at the IO-APIC at `address` whose first line is `first`; -ENODEV: not its line. */
static int bare_ioapic_try(uint64_t address, uint32_t first, unsigned line, uint32_t low)
{
    volatile char *base;
    uint32_t version, index;

    if (line < first || (base = bare_map_device(address, IOAPIC_BYTES)) == NULL)
        return -ENODEV;
    version = bare_ioapic_read(base, REGISTER_VERSION);
    if (version == NOT_THERE || line - first > (version >> 16 & 0xff))
        return -ENODEV;
    index = REGISTER_REDIRECTION + 2 * (line - first);
    bare_ioapic_write(base, index + 1, bare_apic_id() << 24);
    bare_ioapic_write(base, index, low);
    return 0;
}

/* Writes the low half of a line's redirection entry. */
static int bare_ioapic_redirect(unsigned line, uint32_t low)
{
    const struct bare_acpi *acpi = bare_acpi();

    for (unsigned i = 0; i < acpi->ioapic_count; i++) {
        if (bare_ioapic_try(acpi->ioapics[i].address, acpi->ioapics[i].first_line, line, low) == 0)
            return 0;
    }
    if (acpi->ioapic_count > 0)
        return -ENODEV;
    if (bare_ioapic_try(IOAPIC_ADDRESS, 0, line, low) == 0)
        return 0;
    return bare_ioapic_try(IOAPIC_SECOND, IOAPIC_LINES, line, low);
}

int bare_ioapic_route(unsigned line, unsigned vector, bool level, bool active_low)
{
    return bare_ioapic_redirect(line, vector | (level ? REDIRECTION_LEVEL : 0) |
                                          (active_low ? REDIRECTION_ACTIVE_LOW : 0));
}

void bare_ioapic_mask(unsigned line)
{
    (void)bare_ioapic_redirect(line, REDIRECTION_MASKED);
}
