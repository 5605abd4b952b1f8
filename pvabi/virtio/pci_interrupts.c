/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device's interrupts: with MSI-X one message for each queue and one for changes of the
 * configuration, or one for all; without it the interrupt line, whose cause is read from the ISR
 * register. Used by pci.c; the tables are written here, the transports tell the device which vector
 * belongs to which queue.
 */
#include "pci_device.h"

/* An entry of the MSI-X table. */
struct msix_entry {
    uint32_t address[2]; /* low half, high half */
    uint32_t data;
    uint32_t control;
};
_Static_assert(sizeof(struct msix_entry) == PCI_MSIX_ENTRY_BYTES, "msix_entry");

static int message_write(struct pci_device *device, unsigned vector,
                         const struct virtio_source *source)
{
    uint32_t entry = vector * PCI_MSIX_ENTRY_BYTES, data = 0;
    uint64_t address = 0;
    struct virtio_source whole = *source;
    int result;

    whole.mask = device->msix.at + entry + offsetof(struct msix_entry, control);
    result = device->function.host->message_connect(&whole, &address, &data);
    if (result < 0)
        return result;
    pci_region_write(device, &device->msix, entry + offsetof(struct msix_entry, address), 4,
                     (uint32_t)address);
    pci_region_write(device, &device->msix, entry + offsetof(struct msix_entry, address) + 4u, 4,
                     (uint32_t)(address >> 32));
    pci_region_write(device, &device->msix, entry + offsetof(struct msix_entry, data), 4, data);
    return 0;
}

/* A message for each queue, and the last for the configuration: -errno when there are too few, or
 * so many queues that they would leave no vectors for other devices. */
static int messages_apart(struct pci_device *device)
{
    struct virtio_source source = {.event_count = 1};

    if (device->msix_count <= device->queue_count || device->queue_count >= PCI_MESSAGES_MAX)
        return -EIO;
    for (unsigned i = 0; i <= device->queue_count; i++) {
        int result;

        source.event_first = i < device->queue_count ? (uint16_t)(device->event_first + i)
                                                     : PV_EVENT_SYSTEM;
        result = message_write(device, i, &source);
        if (result < 0)
            return result;
        device->vectors[i < device->queue_count ? i : PCI_QUEUES_MAX] = (uint16_t)i;
    }
    return 0;
}

/* One message for everything. The event of a queue tells of the configuration, too (pv.h). */
static int message_shared(struct pci_device *device)
{
    struct virtio_source source = {.event_first = device->event_first,
                                   .event_count = (uint16_t)device->queue_count};

    for (unsigned i = 0; i <= PCI_QUEUES_MAX; i++)
        device->vectors[i] = 0;
    device->config_event = device->event_first;
    return message_write(device, 0, &source);
}

/* The line. The status that its handler reads says whether it was this device. */
static int line_connect(struct pci_device *device)
{
    const struct pci_region *isr = &device->structures[VIRTIO_PCI_ISR];
    const struct pci_function *function = &device->function;
    uint32_t pin = pci_config_read(function, PCI_INTERRUPT_PIN, 1); /* 1: INTA */
    struct virtio_pin where = {.line = (uint8_t)pci_config_read(function, PCI_INTERRUPT_LINE, 1),
                               .device = function->root_device,
                               .pin = (uint8_t)((pin - 1u + function->root_turns) % 4u)};
    struct virtio_source source = {.event_first = device->event_first,
                                   .event_count = (uint16_t)device->queue_count};

    if (pin < 1 || pin > 4)
        return -EIO;
    if (isr->bytes == 0)
        source.status_port = (uint16_t)(device->legacy.port +
                                        offsetof(struct virtio_pci_legacy, isr));
    else if (isr->at)
        source.status = isr->at;
    else
        source.status_port = isr->port;
    return function->host->line_connect(&where, &source);
}

const char *pci_interrupts_connect(struct pci_device *device, unsigned msix)
{
    const struct pci_function *function = &device->function;
    uint32_t command = pci_config_read(function, PCI_COMMAND, 2);
    uint32_t control;

    device->config_event = PV_EVENT_SYSTEM;
    device->event_first = (uint16_t)function->host->events_take(device->queue_count);
    if (device->event_first == 0)
        return "there are no events left";
    for (unsigned i = 0; i <= PCI_QUEUES_MAX; i++)
        device->vectors[i] = VIRTIO_PCI_NO_VECTOR;

    if (msix) {
        control = pci_config_read(function, msix + PCI_MSIX_CONTROL, 2) & ~PCI_MSIX_CONTROL_MASK;
        pci_config_write(function, PCI_COMMAND, 2, command | PCI_COMMAND_NO_LINE);
        pci_config_write(function, msix + PCI_MSIX_CONTROL, 2, control | PCI_MSIX_CONTROL_ENABLE);
        pci_interrupts_mask(device, true);
        if (messages_apart(device) == 0 || message_shared(device) == 0)
            return NULL;
        pci_config_write(function, msix + PCI_MSIX_CONTROL, 2, control & ~PCI_MSIX_CONTROL_ENABLE);
    }
    device->msix.bytes = 0;
    for (unsigned i = 0; i <= PCI_QUEUES_MAX; i++)
        device->vectors[i] = VIRTIO_PCI_NO_VECTOR;
    pci_config_write(function, PCI_COMMAND, 2, command & ~PCI_COMMAND_NO_LINE);
    return line_connect(device) < 0 ? "there is no interrupt for it" : NULL;
}

unsigned pci_config_event(const struct virtio_transport *transport)
{
    return pci_device_of(transport)->config_event;
}

void pci_interrupts_mask(const struct pci_device *device, bool masked)
{
    for (unsigned i = 0; i < device->msix_count && i < PCI_MESSAGES_MAX; i++)
        if (device->msix.bytes)
            pci_region_write(device, &device->msix,
                             i * PCI_MSIX_ENTRY_BYTES + offsetof(struct msix_entry, control), 4,
                             masked ? PCI_MSIX_ENTRY_MASKED : 0);
}
