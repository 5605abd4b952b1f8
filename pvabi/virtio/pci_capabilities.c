/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a function's capability list to the structures that virtio and MSI-X keep in its BARs
 * (virtio 1.2, 4.1.4). The list is the device's word: each step, offset and length is checked.
 * Used by pci.c.
 */
#include "pci_device.h"

#define CAPABILITIES_FIRST 0x40u
#define CAPABILITIES_MAX ((PCI_CONFIG_BYTES - CAPABILITIES_FIRST) / 4u)

/* struct virtio_pci_cap (4.1.4): offsets in the capability. */
#define CAP_TYPE 3u
#define CAP_BAR 4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_BYTES 16u
#define CAP_NOTIFY_MULTIPLIER 16u
#define CAP_NOTIFY_BYTES 20u

/* What is mapped at most: enough for all queues that we use. */
#define NOTIFY_BYTES_MAX 0x100000u
#define STRUCTURE_BYTES_MAX 0x1000u

/* The offset of the capability after `at` (0: the first) with this id; 0 when there are no more.
 * *left bounds the walk, as the list may be a ring. */
static unsigned capability_next(const struct pci_function *function, unsigned at, uint32_t id,
                                unsigned *left)
{
    if (at == 0 && !(pci_config_read(function, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES))
        return 0;
    while (*left > 0) {
        at = pci_config_read(function, at == 0 ? PCI_CAPABILITIES : at + 1u, 1) & ~3u;
        if (at < CAPABILITIES_FIRST)
            return 0;
        --*left;
        if (pci_config_read(function, at, 1) == id)
            return at;
    }
    return 0;
}

/* A piece of a BAR; false when it does not lie in the BAR or the BAR not in address space. Of long
 * pieces only the beginning is mapped. */
static bool region_open(const struct pci_device *device, const struct pci_bar *bar, uint32_t offset,
                        uint32_t bytes, uint32_t bytes_max, struct pci_region *region)
{
    uint64_t end = bar->base + bar->bytes, limit = bar->ports ? 0x10000u : 1ull << 52;

    if (bytes == 0 || bar->base == 0 || end < bar->base || end > limit || offset > bar->bytes ||
        bytes > bar->bytes - offset)
        return false;
    *region = (struct pci_region){.bytes = bytes < bytes_max ? bytes : bytes_max};
    if (bar->ports) {
        region->port = (uint16_t)(bar->base + offset);
        return true;
    }
    region->at = device->function.host->map(bar->base + offset, region->bytes);
    return region->at != NULL;
}

/* The alignment and the least length of each structure (4.1.4.3 to 4.1.4.6). */
static const struct {
    uint32_t align, bytes, bytes_max;
} structure_rules[VIRTIO_PCI_STRUCTURES] = {
    [VIRTIO_PCI_COMMON] = {4, sizeof(struct virtio_pci_common), STRUCTURE_BYTES_MAX},
    [VIRTIO_PCI_NOTIFY] = {2, 2, NOTIFY_BYTES_MAX},
    [VIRTIO_PCI_ISR] = {1, 1, 1},
    [VIRTIO_PCI_CONFIG] = {4, 1, STRUCTURE_BYTES_MAX},
};

/* Takes one capability in. One that cannot be used is passed over: a later one may do (4.1.4.1). */
static void structure_take(struct pci_device *device, const struct pci_bar bars[PCI_BARS],
                           unsigned at)
{
    const struct pci_function *function = &device->function;
    uint32_t type = pci_config_read(function, at + CAP_TYPE, 1);
    uint32_t bar = pci_config_read(function, at + CAP_BAR, 1);
    uint32_t offset = pci_config_read(function, at + CAP_OFFSET, 4);
    uint32_t bytes = pci_config_read(function, at + CAP_LENGTH, 4);

    if (type < VIRTIO_PCI_COMMON || type > VIRTIO_PCI_CONFIG || bar >= PCI_BARS ||
        device->structures[type].bytes != 0 || offset % structure_rules[type].align != 0 ||
        bytes < structure_rules[type].bytes)
        return;
    if (type == VIRTIO_PCI_NOTIFY) {
        uint32_t multiplier;

        if (at + CAP_NOTIFY_BYTES > PCI_CONFIG_BYTES)
            return;
        multiplier = pci_config_read(function, at + CAP_NOTIFY_MULTIPLIER, 4);
        if (multiplier % 2u != 0 || (multiplier & (multiplier - 1u)) != 0)
            return; /* 4.1.4.4.1: 0, or an even power of two */
        device->notify_multiplier = multiplier;
    }
    (void)region_open(device, &bars[bar], offset, bytes, structure_rules[type].bytes_max,
                      &device->structures[type]);
}

const char *pci_structures_find(struct pci_device *device, const struct pci_bar bars[PCI_BARS])
{
    unsigned left = CAPABILITIES_MAX, at = 0;

    while ((at = capability_next(&device->function, at, PCI_CAPABILITY_VENDOR, &left)) != 0)
        if (at + CAP_BYTES <= PCI_CONFIG_BYTES)
            structure_take(device, bars, at);
    if (device->structures[VIRTIO_PCI_COMMON].bytes == 0)
        return "there is no sound common configuration";
    if (device->structures[VIRTIO_PCI_NOTIFY].bytes == 0)
        return "there is no sound notify structure";
    if (device->structures[VIRTIO_PCI_ISR].bytes == 0)
        return "there is no sound ISR structure";
    return NULL;
}

const char *pci_legacy_find(struct pci_device *device, const struct pci_bar bars[PCI_BARS])
{
    if (!bars[0].ports || bars[0].bytes < VIRTIO_PCI_LEGACY_CONFIG_MSIX ||
        bars[0].bytes > UINT32_MAX ||
        !region_open(device, &bars[0], 0, (uint32_t)bars[0].bytes, STRUCTURE_BYTES_MAX,
                     &device->legacy))
        return "there is no sound legacy interface";
    return NULL;
}

unsigned pci_msix_find(struct pci_device *device, const struct pci_bar bars[PCI_BARS])
{
    const struct pci_function *function = &device->function;
    unsigned left = CAPABILITIES_MAX;
    unsigned at = capability_next(function, 0, PCI_CAPABILITY_MSIX, &left);
    uint32_t count, table, bar;

    if (at == 0 || at + PCI_MSIX_TABLE + 4u > PCI_CONFIG_BYTES)
        return 0;
    count = (pci_config_read(function, at + PCI_MSIX_CONTROL, 2) & PCI_MSIX_CONTROL_SIZE) + 1u;
    table = pci_config_read(function, at + PCI_MSIX_TABLE, 4);
    bar = table & 7u;
    table &= ~7u;
    if (bar >= PCI_BARS || bars[bar].ports ||
        !region_open(device, &bars[bar], table, count * PCI_MSIX_ENTRY_BYTES, UINT32_MAX,
                     &device->msix))
        return 0;
    device->msix_count = (uint16_t)count;
    return at;
}
