/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI where it lies in memory: parsed when it is first needed, for device interrupts or for
 * powering off, so that a start that needs neither pays nothing. The definition blocks are read for
 * devices only.
 */
#include "bare.h"
#include "cpu.h"

#define BIOS_AREA 0xe0000u
#define BIOS_AREA_END 0x100000u
#define SLEEP_ENABLE (1u << 13)
#define SLEEP_TYPE_SHIFT 10u
#define SLEEP_CONTROL_ENABLE (1u << 5)
#define SLEEP_CONTROL_TYPE_SHIFT 2u

static struct bare_acpi bare_acpi_found;
static bool bare_acpi_read_already;
static struct bare_aml bare_namespace __attribute__((section(".bss..cold")));
static bool bare_namespace_read_already;

const struct bare_acpi *bare_acpi(void)
{
    uint64_t rsdp = bare_info.rsdp;

    if (bare_acpi_read_already)
        return &bare_acpi_found;
    bare_acpi_read_already = true;
    if (rsdp == 0 && !bare_info.rsdp_is_final)
        rsdp = bare_acpi_search(bare_map_firmware, BIOS_AREA, BIOS_AREA_END);
    bare_acpi_parse(bare_map_firmware, rsdp, &bare_acpi_found);
    return &bare_acpi_found;
}

static void bare_block_scan(uint64_t address)
{
    uint32_t bytes;
    const uint8_t *table = bare_acpi_table(bare_map_firmware, address, &bytes);

    if (table != NULL)
        bare_aml_scan(table + BARE_ACPI_HEADER_BYTES, bytes - BARE_ACPI_HEADER_BYTES,
                      &bare_namespace);
}

const struct bare_aml *bare_acpi_devices(void)
{
    const struct bare_acpi *acpi = bare_acpi();

    if (bare_namespace_read_already)
        return &bare_namespace;
    bare_namespace_read_already = true;
    bare_block_scan(acpi->dsdt);
    for (unsigned i = 0; i < acpi->ssdt_count; i++)
        bare_block_scan(acpi->ssdts[i]);
    if (bare_namespace.mmio_dropped)
        bare_say("boot: ACPI names more virtio-mmio devices than are kept\n");
    return &bare_namespace;
}

static void bare_register_write(const struct bare_register *to, uint16_t value)
{
    if (to->space == 1 && to->bits == 16)
        bare_outw((uint16_t)to->address, value);
    else if (to->space == 1)
        bare_outb((uint16_t)to->address, (uint8_t)value);
    else if (to->space == 0) {
        volatile uint8_t *at = bare_map_device(to->address, 1);

        if (at != NULL)
            *at = (uint8_t)value;
    }
}

void bare_acpi_power_off(void)
{
    const struct bare_acpi *acpi = bare_acpi();
    struct bare_sleep_types s5;
    bool has_s5 = bare_acpi_s5(bare_map_firmware, acpi, &s5);

    if (has_s5 && acpi->hardware_reduced && acpi->sleep_control.address != 0)
        bare_register_write(&acpi->sleep_control,
                            (uint16_t)(s5.a << SLEEP_CONTROL_TYPE_SHIFT | SLEEP_CONTROL_ENABLE));
    if (has_s5 && acpi->pm1a.address != 0) {
        bare_register_write(&acpi->pm1a, (uint16_t)(s5.a << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
        if (acpi->pm1b.address != 0)
            bare_register_write(&acpi->pm1b, (uint16_t)(s5.b << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
    }
    if (acpi->reset.address != 0)
        bare_register_write(&acpi->reset, acpi->reset_value);
}
