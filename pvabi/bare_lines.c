/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interrupt line a PCI device's pin raises. ACPI says it by a method on most machines, which
 * nobody here interprets; so, in this order: a routing table of constants (QEMU's microvm), the
 * chipset's own rule (those of q35 and pc), the line that the firmware noted in the function's
 * configuration. Used by bare_host.c.
 */
#include "bare/bare.h"
#include "bare/cpu.h"
#include "bare_buses.h"
#include "pvabi/errno.h"

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA 0xcfcu
#define CONFIG_ENABLE 0x80000000u

/* The ISA bridges of the two chipsets: device numbers on bus 0, and their vendor and device ids. */
#define PIIX3_DEVICE 1u
#define PIIX3_ID 0x70008086u
#define ICH9_DEVICE 31u
#define ICH9_ID 0x29188086u

/* Intel ICH9 datasheet, 5.10: PIRQE to PIRQH are interrupts 20 to 23; devices below 25 turn their
 * pins through these four by their number. */
#define ICH9_LINE_FIRST 20u
#define ICH9_TURNING_DEVICES 25u
/* Intel 82371SB datasheet, 2.2.7: a register for each of four, an ISA interrupt or bit 7. */
#define PIIX3_ROUTES 0x60u
#define PIIX3_ROUTE_OFF 0x80u
#define PIIX3_ROUTE_ISA 15u

#define ISA_LINES 16u

static uint32_t config_read(unsigned device, unsigned offset)
{
    bare_outl(CONFIG_ADDRESS, CONFIG_ENABLE | device << 11 | offset);
    return bare_inl(CONFIG_DATA);
}

static bool chipset_line(const struct virtio_pin *pin, struct bare_aml_line *line)
{
    uint32_t route;

    if (pin->device < ICH9_TURNING_DEVICES && config_read(ICH9_DEVICE, 0) == ICH9_ID) {
        *line = (struct bare_aml_line){.line = ICH9_LINE_FIRST + (pin->device + pin->pin) % 4u,
                                       .level = true};
        return true;
    }
    if (config_read(PIIX3_DEVICE, 0) != PIIX3_ID)
        return false;
    route = config_read(PIIX3_DEVICE, PIIX3_ROUTES) >> 8 * ((pin->device + pin->pin + 3u) % 4u);
    if (route & PIIX3_ROUTE_OFF)
        return false;
    *line = (struct bare_aml_line){.line = route & PIIX3_ROUTE_ISA, .is_isa = true, .level = true};
    return true;
}

int bare_lines_connect(const struct virtio_pin *pin, const struct virtio_source *source)
{
    const struct bare_aml_line *told = bare_aml_route(bare_acpi_devices(), pin->device, pin->pin);
    struct bare_source bare = bare_host_source(source);
    struct bare_aml_line line;

    if (told != NULL)
        line = *told;
    else if (chipset_line(pin, &line))
        ;
    else if (pin->line == 0 || pin->line == UINT8_MAX)
        return -ENODEV;
    else
        line = (struct bare_aml_line){
            .line = pin->line, .is_isa = pin->line < ISA_LINES, .level = true};
    return bare_line_connect(&line, &bare);
}
