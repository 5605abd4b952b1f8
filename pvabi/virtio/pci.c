/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds virtio devices on PCI and makes them ready for their frontends (virtio 1.2, 4.1): BARs,
 * structures, reset, bus mastering, interrupts. A modern interface is preferred, the legacy one of
 * transitional devices taken where that is all there is. Called by the platform through pci.h.
 */
#include "pci.h"

#include "pci_device.h"

static struct pci_device pci_devices[PV_DEVICES_MAX];
static unsigned pci_device_count;

struct finder {
    const struct virtio_host *host;
    const struct virtio_pci_bus *bus;
    struct pci_space space;
};

static char digit(unsigned value)
{
    return "0123456789abcdef"[value & 15u];
}

/* "pci 00:03.0: what" for people. */
static void report(const struct pci_function *function, const char *what)
{
    unsigned bus = function->address >> 8, device = function->address >> 3 & 31u;
    char where[] = "pci bb:dd.f";

    where[4] = digit(bus >> 4);
    where[5] = digit(bus);
    where[7] = digit(device >> 4);
    where[8] = digit(device);
    where[10] = digit(function->address & 7u);
    function->host->report(where, what);
}

/* The virtio device id (5); 0 when it is none. */
static uint32_t virtio_type(const struct pci_function *function, bool *transitional)
{
    uint32_t id = pci_config_read(function, PCI_ID, 4), device = id >> 16;

    *transitional = device < VIRTIO_PCI_ID_MODERN;
    if ((id & UINT16_MAX) != VIRTIO_PCI_VENDOR || device < VIRTIO_PCI_ID_TRANSITIONAL ||
        device > VIRTIO_PCI_ID_LAST)
        return 0;
    return *transitional ? pci_config_read(function, PCI_SUBSYSTEM_ID, 2)
                         : device - VIRTIO_PCI_ID_MODERN;
}

/* The queues that our frontends use. */
static unsigned queue_count(uint32_t type)
{
    switch (type) {
    case VIRTIO_ID_NET:
        return 2;
    case VIRTIO_ID_SCSI:
        return 3;
    case VIRTIO_ID_BLOCK:
    case VIRTIO_ID_ENTROPY:
        return 1;
    default:
        return PCI_QUEUES_MAX;
    }
}

/* Structures and reset, by the better of the interfaces that the device has. */
static const char *interface_open(struct pci_device *device, const struct pci_bar bars[PCI_BARS],
                                  bool transitional)
{
    const char *wrong = pci_structures_find(device, bars);
    int result;

    if (!wrong) {
        device->transport.ops = &pci_modern_ops;
        result = pci_modern_reset(device);
    } else {
        for (unsigned i = 0; i < VIRTIO_PCI_STRUCTURES; i++)
            device->structures[i].bytes = 0;
        if (!transitional)
            return wrong;
        wrong = pci_legacy_find(device, bars);
        if (wrong)
            return wrong;
        device->transport.ops = &pci_legacy_ops;
        result = pci_legacy_reset(device);
    }
    return result < 0 ? "it does not reset" : NULL;
}

/* Brings the device from whatever state the firmware left it in to one that frontends can attach
 * to. Returns NULL or what is wrong. */
static const char *device_open(struct finder *finder, struct pci_device *device, bool transitional)
{
    const struct pci_function *function = &device->function;
    uint32_t command = pci_config_read(function, PCI_COMMAND, 2);
    struct pci_bar bars[PCI_BARS];
    const char *wrong;
    unsigned msix;

    /* BARs move while they are measured: nothing is decoded meanwhile. The device must not use
     * memory either before it is reset. */
    command &= ~(PCI_COMMAND_MEMORY | PCI_COMMAND_PORTS | PCI_COMMAND_MASTER);
    pci_config_write(function, PCI_COMMAND, 2, command);
    pci_bars_read(function, bars);
    wrong = pci_space_assign(&finder->space, function, bars);
    if (wrong)
        return wrong;
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (bars[i].bytes)
            command |= bars[i].ports ? PCI_COMMAND_PORTS : PCI_COMMAND_MEMORY;
    pci_config_write(function, PCI_COMMAND, 2, command);

    wrong = interface_open(device, bars, transitional);
    if (wrong)
        return wrong;
    pci_config_write(function, PCI_COMMAND, 2, command | PCI_COMMAND_MASTER);
    msix = pci_msix_find(device, bars);
    wrong = pci_interrupts_connect(device, msix);
    device->config_offset = device->msix.bytes ? VIRTIO_PCI_LEGACY_CONFIG_MSIX
                                               : VIRTIO_PCI_LEGACY_CONFIG_LINE;
    return wrong;
}

static void function_look(const struct pci_function *function, void *argument)
{
    struct finder *finder = argument;
    struct pci_device *device = &pci_devices[pci_device_count];
    bool transitional;
    uint32_t type = virtio_type(function, &transitional);
    const char *wrong;

    if (type == 0 || !finder->host->wanted(type))
        return;
    if (pci_device_count == PV_DEVICES_MAX) {
        report(function, "left out, there are too many devices");
        return;
    }
    *device = (struct pci_device){.function = *function, .queue_count = queue_count(type)};
    wrong = device_open(finder, device, transitional);
    if (wrong) {
        uint32_t command = pci_config_read(function, PCI_COMMAND, 2);

        pci_config_write(function, PCI_COMMAND, 2, command & ~PCI_COMMAND_MASTER);
        report(function, wrong);
        return;
    }
    pci_device_count++;
    finder->host->found(type, &device->transport);
}

void virtio_pci_find(const struct virtio_host *host, const struct virtio_pci_bus *bus)
{
    struct finder finder = {.host = host, .bus = bus, .space.bus = bus};

    pci_device_count = 0;
    pci_functions_visit(host, bus, function_look, &finder);
}
