/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine with a PCI bus that tests play (pci_machine.h). */
#include "tests/unit/support/pci_machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/pci_function.h"

#define POINTER 0x200000000000ull /* a device address as a pointer: never to be followed */
#define MESSAGE_BASE 0x40u
#define MESSAGE_ADDRESS 0xfee00000ull

struct machine machine;

static void require_that(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "pci machine: %s\n", what);
        abort();
    }
}

uint32_t machine_ones(unsigned bytes)
{
    return bytes == 4 ? UINT32_MAX : (1u << 8 * bytes) - 1u;
}

/* ---- configuration space ------------------------------------------------------------------ */

uint32_t machine_config_get(const struct machine_function *function, unsigned at, unsigned bytes)
{
    uint32_t value = 0;

    memcpy(&value, function->config + at, bytes);
    return value;
}

void machine_config_set(struct machine_function *function, unsigned at, unsigned bytes,
                        uint32_t value)
{
    memcpy(function->config + at, &value, bytes);
}

static struct machine_function *function_at(uint32_t address)
{
    for (unsigned i = 0; i < machine.function_count; i++)
        if (machine.functions[i].present && machine.functions[i].address == address)
            return &machine.functions[i];
    return NULL;
}

static uint32_t config_read(uint32_t address, unsigned at, unsigned bytes)
{
    struct machine_function *function = function_at(address);

    require_that(at % bytes == 0, "configuration read out of alignment");
    if (!function || at + bytes > PCI_CONFIG_BYTES)
        return machine_ones(bytes);
    return machine_config_get(function, at, bytes);
}

static void config_write(uint32_t address, unsigned at, unsigned bytes, uint32_t value)
{
    struct machine_function *function = function_at(address);
    unsigned bar = (at - PCI_BAR(0)) / 4u;

    require_that(at % bytes == 0, "configuration write out of alignment");
    if (!function || at + bytes > PCI_CONFIG_BYTES)
        return;
    if (at >= PCI_BAR(0) && bar < PCI_BARS) {
        uint32_t mask = function->bar_mask[bar];

        require_that(bytes == 4, "a BAR is written whole");
        require_that((machine_config_get(function, PCI_COMMAND, 2) & 3u) == 0,
                     "a BAR moves while it is decoded");
        value = (value & mask) | (machine_config_get(function, at, 4) & ~mask);
    }
    machine_config_set(function, at, bytes, value);
}

/* ---- the host ----------------------------------------------------------------------------- */

static uint32_t host_port_read(uint16_t port, unsigned bytes)
{
    uint32_t address = machine.port_address;

    require_that(bytes == 1 || bytes == 2 || bytes == 4, "width of a port");
    if (port == 0xcf8 && bytes == 4)
        return machine.no_bridge ? UINT32_MAX : address;
    if (port >= 0xcfc && port < 0xd00)
        machine.config_accesses++;
    if (port >= 0xcfc && port < 0xd00)
        return machine.no_bridge
                   ? machine_ones(bytes)
                   : config_read(address >> 8 & 0xffffu, (address & 0xfcu) | (port & 3u), bytes);
    return function_space_read(port, true, bytes);
}

static void host_port_write(uint16_t port, unsigned bytes, uint32_t value)
{
    uint32_t address = machine.port_address;

    require_that(bytes == 1 || bytes == 2 || bytes == 4, "width of a port");
    if (port == 0xcf8 && bytes == 4)
        machine.port_address = value;
    else if (port >= 0xcfc && port < 0xd00)
        config_write(address >> 8 & 0xffffu, (address & 0xfcu) | (port & 3u), bytes, value);
    else
        function_space_write(port, true, value);
}

static void *host_map(uint64_t address, uint64_t bytes)
{
    require_that(bytes > 0 && address + bytes > address, "a map of nothing");
    require_that(machine.map_count < 512, "too many maps");
    if (machine.unmappable || address < 0x1000)
        return NULL;
    machine.maps[machine.map_count].address = address;
    machine.maps[machine.map_count++].bytes = bytes;
    return (void *)(POINTER + address);
}

static uint64_t mapped(const void *at, unsigned bytes)
{
    uint64_t address = (uintptr_t)at - POINTER;

    require_that(bytes == 1 || bytes == 2 || bytes == 4, "width of device memory");
    require_that(address % bytes == 0, "device memory out of alignment");
    for (unsigned i = 0; i < machine.map_count; i++)
        if (address >= machine.maps[i].address &&
            address - machine.maps[i].address < machine.maps[i].bytes &&
            bytes <= machine.maps[i].bytes - (address - machine.maps[i].address))
            return address;
    require_that(false, "device memory that was not mapped");
    return 0;
}

static bool in_ecam(uint64_t address)
{
    return machine.bus.ecam && address >= machine.bus.ecam &&
           address - machine.bus.ecam < 256u * 0x100000u;
}

static uint32_t host_read(const void *at, unsigned bytes)
{
    uint64_t address = mapped(at, bytes);

    if (in_ecam(address))
        return config_read((uint32_t)((address - machine.bus.ecam) >> 12), address & 0xfffu, bytes);
    return function_space_read(address, false, bytes);
}

static void host_write(void *at, unsigned bytes, uint32_t value)
{
    uint64_t address = mapped(at, bytes);

    if (in_ecam(address))
        config_write((uint32_t)((address - machine.bus.ecam) >> 12), address & 0xfffu, bytes,
                     value);
    else
        function_space_write(address, false, value);
}

static unsigned host_events_take(unsigned count)
{
    unsigned first = 2u + machine.events_used;

    if (count > machine.events_left)
        return 0;
    machine.events_left -= count;
    machine.events_used += count;
    return first;
}

static int host_message_connect(const struct virtio_source *source, uint64_t *address,
                                uint32_t *data)
{
    if (machine.vectors_left == 0 || machine.message_count == 64)
        return -ENOSPC;
    machine.vectors_left--;
    machine.messages[machine.message_count] = *source;
    *address = MESSAGE_ADDRESS;
    *data = MESSAGE_BASE + machine.message_count++;
    return 0;
}

static int host_line_connect(const struct virtio_pin *pin, const struct virtio_source *source)
{
    if (machine.lines_refused || machine.line_count == 32)
        return -EINVAL;
    machine.pins[machine.line_count] = *pin;
    machine.lines[machine.line_count++] = *source;
    return 0;
}

static void host_report(const char *where, const char *what)
{
    snprintf(machine.report, sizeof(machine.report), "%s: %s", where, what);
    machine.report_count++;
}

static bool host_wanted(uint32_t type)
{
    return type >= VIRTIO_ID_NET && type <= VIRTIO_ID_CONSOLE;
}

static void host_found(uint32_t type, const struct virtio_transport *transport)
{
    require_that(machine.found_count < PV_DEVICES_MAX, "too many devices");
    machine.types[machine.found_count] = type;
    machine.found[machine.found_count++] = transport;
}

const struct virtio_host machine_host = {
    .port_read = host_port_read,
    .port_write = host_port_write,
    .map = host_map,
    .read = host_read,
    .write = host_write,
    .events_take = host_events_take,
    .message_connect = host_message_connect,
    .line_connect = host_line_connect,
    .report = host_report,
    .wanted = host_wanted,
    .found = host_found,
};

/* ---- building one ------------------------------------------------------------------------- */

void machine_open(bool ecam)
{
    memset(&machine, 0, sizeof(machine));
    machine.bus.ecam = ecam ? MACHINE_ECAM : 0;
    machine.bus.bus_last = 255;
    machine.events_left = 254;
    machine.vectors_left = 64;
}

void machine_close(void)
{
    memset(&machine, 0, sizeof(machine));
}

static struct machine_function *function_add(unsigned place, uint32_t id, uint32_t type,
                                             uint64_t offered, unsigned queue_count, uint16_t size)
{
    unsigned n = machine.function_count++;
    struct machine_function *f = &machine.functions[n];

    require_that(n < MACHINE_FUNCTIONS, "too many functions");
    *f = (struct machine_function){.present = true, .address = (uint16_t)place, .offered = offered};
    machine_config_set(f, PCI_ID, 4, VIRTIO_PCI_VENDOR | id << 16);
    machine_config_set(f, PCI_SUBSYSTEM_ID, 2, type);
    machine_config_set(f, PCI_COMMAND, 2, 7); /* firmware has used it */
    machine_config_set(f, PCI_INTERRUPT_LINE, 1, 10u + n % 2u);
    machine_config_set(f, PCI_INTERRUPT_PIN, 1, 1);
    f->status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK;
    for (unsigned i = 0; i < MACHINE_QUEUES; i++) {
        f->queues[i].size = i < queue_count ? size : 0;
        f->notify_offset[i] = (uint16_t)i;
    }
    /* BAR 1: MSI-X table of 4 vectors, as QEMU has it. */
    machine_config_set(f, PCI_BAR(1), 4, (uint32_t)MACHINE_MEMORY + n * 0x10000u);
    f->bar_mask[1] = ~0xfffu;
    machine_config_set(f, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
    machine_config_set(f, PCI_CAPABILITIES, 1, MACHINE_CAP_MSIX);
    machine_config_set(f, MACHINE_CAP_MSIX, 1, PCI_CAPABILITY_MSIX);
    machine_config_set(f, MACHINE_CAP_MSIX + PCI_MSIX_CONTROL, 2, 3);
    machine_config_set(f, MACHINE_CAP_MSIX + PCI_MSIX_TABLE, 4, 1);
    return f;
}

static void capability_add(struct machine_function *f, unsigned at, unsigned next, unsigned type,
                           uint32_t offset, uint32_t bytes)
{
    machine_config_set(f, at, 4, PCI_CAPABILITY_VENDOR | next << 8 | 16u << 16 | type << 24);
    machine_config_set(f, at + 4u, 1, 4);
    machine_config_set(f, at + 8u, 4, offset);
    machine_config_set(f, at + 12u, 4, bytes);
}

static void modern_add(struct machine_function *f)
{
    uint32_t n = (uint32_t)(f - machine.functions);

    machine_config_set(f, PCI_BAR(4), 4,
                       ((uint32_t)MACHINE_MEMORY + n * 0x10000u + 0x8000u) | 0xcu);
    f->bar_mask[4] = ~0x3fffu;
    f->bar_mask[5] = UINT32_MAX;
    machine_config_set(f, MACHINE_CAP_MSIX + 1u, 1, MACHINE_CAP_COMMON);
    capability_add(f, MACHINE_CAP_COMMON, MACHINE_CAP_ISR, VIRTIO_PCI_COMMON, MACHINE_COMMON,
                   0x1000);
    capability_add(f, MACHINE_CAP_ISR, MACHINE_CAP_CONFIG, VIRTIO_PCI_ISR, MACHINE_ISR, 0x1000);
    capability_add(f, MACHINE_CAP_CONFIG, MACHINE_CAP_NOTIFY, VIRTIO_PCI_CONFIG, MACHINE_CONFIG,
                   DEVICE_CONFIG_BYTES);
    capability_add(f, MACHINE_CAP_NOTIFY, 0, VIRTIO_PCI_NOTIFY, MACHINE_NOTIFY, 0x1000);
    machine_config_set(f, MACHINE_CAP_NOTIFY + 16u, 4, MACHINE_MULTIPLIER);
}

static void legacy_add(struct machine_function *f)
{
    uint32_t n = (uint32_t)(f - machine.functions);

    machine_config_set(f, PCI_BAR(0), 4, (MACHINE_PORTS + n * 0x80u) | 1u);
    f->bar_mask[0] = 0xffffff80u;
}

struct machine_function *machine_modern(unsigned place, uint32_t type, uint64_t offered,
                                        unsigned queue_count, uint16_t size)
{
    struct machine_function *f = function_add(place, VIRTIO_PCI_ID_MODERN + type, 0x1100,
                                              offered | VIRTIO_F_VERSION_1, queue_count, size);

    modern_add(f);
    return f;
}

struct machine_function *machine_legacy(unsigned place, uint32_t type, uint64_t offered,
                                        unsigned queue_count, uint16_t size)
{
    struct machine_function *f = function_add(place, VIRTIO_PCI_ID_TRANSITIONAL + type - 1u, type,
                                              offered, queue_count, size);

    legacy_add(f);
    return f;
}

struct machine_function *machine_transitional(unsigned place, uint32_t type, uint64_t offered,
                                              unsigned queue_count, uint16_t size)
{
    struct machine_function *f = machine_legacy(place, type, offered | VIRTIO_F_VERSION_1,
                                                queue_count, size);

    modern_add(f);
    return f;
}

void machine_find(void)
{
    machine.found_count = 0;
    virtio_pci_find(&machine_host, &machine.bus);
}

const struct virtio_source *machine_message(const struct machine_function *function,
                                            unsigned vector)
{
    const uint32_t *entry = function->msix[vector];
    uint32_t n = entry[2] - MESSAGE_BASE;

    if (vector >= MACHINE_VECTORS_MAX || entry[0] != MESSAGE_ADDRESS || entry[1] != 0 ||
        n >= machine.message_count || entry[3] & PCI_MSIX_ENTRY_MASKED ||
        !function_msix_enabled(function))
        return NULL;
    return &machine.messages[n];
}

struct device_queue *machine_queue(struct machine_function *function, unsigned number)
{
    struct device_queue *queue = &function->queues[number];

    queue->desc = (void *)(uintptr_t)function->rings[number][0];
    queue->avail = (void *)(uintptr_t)function->rings[number][1];
    queue->used = (void *)(uintptr_t)function->rings[number][2];
    return queue;
}
