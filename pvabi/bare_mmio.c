/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins the ring-0 platform with the mmio transport: looks at the register pages that the command
 * line names (virtio_mmio.device=) and then at those of ACPI's devices that it does not name. Called
 * by bare_buses.c.
 */
#include "bare/bare.h"
#include "bare_buses.h"
#include "virtio/mmio.h"

#define ISA_LINES 16u

static void mmio_report(const struct bare_aml_mmio *where, const char *what)
{
    bare_say("virtio-mmio 0x");
    bare_say_hex(where->address, 1);
    bare_say(": ");
    bare_say(what);
    bare_say("\n");
}

static void mmio_take(const struct virtio_host *host, const struct bare_aml_mmio *where)
{
    volatile void *mapped = bare_map_device(where->address, where->bytes);
    char *registers = (char *)(uintptr_t)mapped;
    const struct virtio_transport *transport;
    struct bare_source source = {.event_count = VIRTIO_MMIO_EVENTS};
    uint32_t type;
    unsigned event;

    if (mapped == NULL || where->address % 4 != 0) {
        mmio_report(where, "out of reach");
        return;
    }
    type = virtio_mmio_type(host, registers, where->bytes);
    if (type == 0 || !bare_buses_wanted(type))
        return;
    event = bare_events_take(VIRTIO_MMIO_EVENTS);
    transport = event != 0 ? virtio_mmio_open(host, registers, where->bytes, event) : NULL;
    if (transport == NULL) {
        mmio_report(where, "there are too many devices");
        return;
    }
    source.status = (volatile uint32_t *)(void *)(registers + VIRTIO_MMIO_INTERRUPT_STATUS);
    source.acknowledge = (volatile uint32_t *)(void *)(registers + VIRTIO_MMIO_INTERRUPT_ACK);
    source.event_first = (uint16_t)event;
    if (bare_line_connect(&where->interrupt, &source) < 0) {
        mmio_report(where, "its interrupt goes nowhere");
        return;
    }
    bare_buses_found(type, transport);
}

static bool mmio_named(uint64_t address)
{
    for (unsigned i = 0; i < bare_cmdline.mmio_count; i++) {
        if (bare_cmdline.mmio[i].address == address)
            return true;
    }
    return false;
}

/* Command lines speak of edges, as Linux takes them: a device raises its line anew for what comes
 * after an acknowledgement, and what came before it lies in the queues by then. */
void bare_mmio_find(const struct virtio_host *host)
{
    const struct bare_aml *objects = bare_acpi_devices();

    for (unsigned i = 0; i < bare_cmdline.mmio_count; i++) {
        const struct bare_mmio *named = &bare_cmdline.mmio[i];
        struct bare_aml_mmio device = {
            named->address, named->bytes, {.line = named->line, .is_isa = named->line < ISA_LINES}};

        mmio_take(host, &device);
    }
    for (unsigned i = 0; i < objects->mmio_count; i++) {
        if (!mmio_named(objects->mmio[i].address))
            mmio_take(host, &objects->mmio[i]);
    }
}
