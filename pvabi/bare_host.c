/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtio's transports ask of the machine (virtio/host.h), by the ring-0 platform's means. For
 * bare_buses.c, which hands it to each bus.
 */
#include "bare/bare.h"
#include "bare/cpu.h"
#include "bare_buses.h"

static uint32_t bare_host_port_read(uint16_t port, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return bare_inb(port);
    case 2:
        return bare_inw(port);
    default:
        return bare_inl(port);
    }
}

static void bare_host_port_write(uint16_t port, unsigned bytes, uint32_t value)
{
    switch (bytes) {
    case 1:
        bare_outb(port, (uint8_t)value);
        return;
    case 2:
        bare_outw(port, (uint16_t)value);
        return;
    default:
        bare_outl(port, value);
    }
}

static void *bare_host_map(uint64_t address, uint64_t bytes)
{
    return (void *)(uintptr_t)bare_map_device(address, bytes);
}

static uint32_t bare_host_read(const void *at, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return *(const volatile uint8_t *)at;
    case 2:
        return *(const volatile uint16_t *)at;
    default:
        return *(const volatile uint32_t *)at;
    }
}

static void bare_host_write(void *at, unsigned bytes, uint32_t value)
{
    /* Compiler only: stores to memory must not sink below the store to the register. The CPU keeps
     * their order, as it does that of all stores to uncached memory. */
    __asm__ volatile("" : : : "memory");
    switch (bytes) {
    case 1:
        *(volatile uint8_t *)at = (uint8_t)value;
        return;
    case 2:
        *(volatile uint16_t *)at = (uint16_t)value;
        return;
    default:
        *(volatile uint32_t *)at = value;
    }
}

struct bare_source bare_host_source(const struct virtio_source *source)
{
    return (struct bare_source){
        .status_byte = (volatile uint8_t *)(uintptr_t)source->status,
        .status_port = source->status_port,
        .mask = source->mask,
        .event_first = source->event_first,
        .event_count = source->event_count,
    };
}

static int bare_host_message_connect(const struct virtio_source *source, uint64_t *address,
                                     uint32_t *data)
{
    struct bare_source bare = bare_host_source(source);

    return bare_message_connect(&bare, address, data);
}

static void bare_host_report(const char *where, const char *what)
{
    bare_say(where);
    bare_say(": ");
    bare_say(what);
    bare_say("\n");
}

const struct virtio_host bare_host = {
    .port_read = bare_host_port_read,
    .port_write = bare_host_port_write,
    .map = bare_host_map,
    .read = bare_host_read,
    .write = bare_host_write,
    .events_take = bare_events_take,
    .message_connect = bare_host_message_connect,
    .line_connect = bare_lines_connect,
    .report = bare_host_report,
    .wanted = bare_buses_wanted,
    .found = bare_buses_found,
};
