/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins the ring-0 platform with the mmio transport: looks at the register pages that the command
 * line names (virtio_mmio.device=). Called by bare_buses.c.
 */
#include "bare/bare.h"
#include "bare_buses.h"
#include "virtio/mmio.h"

static void mmio_report(const struct pv_cmdline_mmio *where, const char *what)
{
    bare_say("virtio-mmio 0x");
    bare_say_hex(where->address, 1);
    bare_say(": ");
    bare_say(what);
    bare_say("\n");
}

/* Command lines speak of edges, as Linux takes them: a device raises its line anew for what comes
 * after an acknowledgement, and what came before it lies in the queues by then. */
static void mmio_take(const struct virtio_host *host, const struct pv_cmdline_mmio *where)
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
    if (bare_line_connect(where->line, false, false, &source) < 0) {
        mmio_report(where, "its interrupt goes nowhere");
        return;
    }
    bare_buses_found(type, transport);
}

void bare_mmio_find(const struct virtio_host *host)
{
    for (unsigned i = 0; i < pv_cmdline.mmio_count; i++)
        mmio_take(host, &pv_cmdline.mmio[i]);
}
