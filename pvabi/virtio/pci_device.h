/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport's parts among each other (pci*.c): registers of PCI and of virtio over PCI, and
 * what is known of one device.
 */
#ifndef VIRTIO_PCI_DEVICE_H
#define VIRTIO_PCI_DEVICE_H

#include "pci.h"
#include "pvabi/errno.h"
#include "pvabi/pv.h"
#include "wire.h"

/* ---- configuration space (PCI Local Bus 3.0, 6.1; PCI Express 4.0, 7.5.1) ------------------- */

#define PCI_ID 0x00u
#define PCI_COMMAND 0x04u
#define PCI_STATUS 0x06u
#define PCI_HEADER_TYPE 0x0eu
#define PCI_BAR(n) (0x10u + 4u * (n))
#define PCI_SECONDARY_BUS 0x19u
#define PCI_SUBSYSTEM_ID 0x2eu
#define PCI_CAPABILITIES 0x34u
#define PCI_INTERRUPT_LINE 0x3cu
#define PCI_INTERRUPT_PIN 0x3du

#define PCI_COMMAND_PORTS 0x1u
#define PCI_COMMAND_MEMORY 0x2u
#define PCI_COMMAND_MASTER 0x4u
#define PCI_COMMAND_NO_LINE 0x400u
#define PCI_STATUS_CAPABILITIES 0x10u
#define PCI_HEADER_MULTIFUNCTION 0x80u
#define PCI_HEADER_BRIDGE 1u

#define PCI_CONFIG_BYTES 256u /* all that we look at */
#define PCI_BARS 6u
#define PCI_CAPABILITY_VENDOR 0x09u
#define PCI_CAPABILITY_MSIX 0x11u

/* MSI-X (PCI Local Bus 3.0, 6.8.2). */
#define PCI_MSIX_CONTROL 2u /* in the capability */
#define PCI_MSIX_TABLE 4u
#define PCI_MSIX_CONTROL_SIZE 0x07ffu
#define PCI_MSIX_CONTROL_MASK 0x4000u
#define PCI_MSIX_CONTROL_ENABLE 0x8000u
#define PCI_MSIX_ENTRY_BYTES 16u
#define PCI_MSIX_ENTRY_MASKED 1u

/* ---- virtio over PCI (virtio 1.2, 4.1) ---------------------------------------------------- */

#define VIRTIO_PCI_VENDOR 0x1af4u
#define VIRTIO_PCI_ID_TRANSITIONAL 0x1000u /* to 0x103f: the type is the subsystem id */
#define VIRTIO_PCI_ID_MODERN 0x1040u       /* plus the type */
#define VIRTIO_PCI_ID_LAST 0x107fu

/* The structures that vendor capabilities point to (4.1.4). */
enum virtio_pci_structure {
    VIRTIO_PCI_COMMON = 1,
    VIRTIO_PCI_NOTIFY = 2,
    VIRTIO_PCI_ISR = 3,
    VIRTIO_PCI_CONFIG = 4,
    VIRTIO_PCI_STRUCTURES,
};

/* Common configuration (4.1.4.3). */
struct virtio_pci_common {
    uint32_t device_feature_select;
    uint32_t device_feature;
    uint32_t driver_feature_select;
    uint32_t driver_feature;
    uint16_t config_vector;
    uint16_t num_queues;
    uint8_t status;
    uint8_t config_generation;
    uint16_t queue_select;
    uint16_t queue_size;
    uint16_t queue_vector;
    uint16_t queue_enable;
    uint16_t queue_notify_offset;
    uint32_t queue_desc[2]; /* low half, high half */
    uint32_t queue_driver[2];
    uint32_t queue_device[2];
};
_Static_assert(sizeof(struct virtio_pci_common) == 56, "virtio_pci_common");
_Static_assert(offsetof(struct virtio_pci_common, queue_desc) == 32, "virtio_pci_common");

/* The legacy interface, in the first BAR (4.1.4.10). */
struct virtio_pci_legacy {
    uint32_t device_feature;
    uint32_t driver_feature;
    uint32_t queue_page; /* the queue's address in pages of 4096 bytes */
    uint16_t queue_size;
    uint16_t queue_select;
    uint16_t queue_notify;
    uint8_t status;
    uint8_t isr;
    uint16_t config_vector; /* these two are there while MSI-X is enabled */
    uint16_t queue_vector;
};
#define VIRTIO_PCI_LEGACY_CONFIG_LINE 20u /* the device's configuration, without MSI-X */
#define VIRTIO_PCI_LEGACY_CONFIG_MSIX 24u
_Static_assert(sizeof(struct virtio_pci_legacy) == VIRTIO_PCI_LEGACY_CONFIG_MSIX, "legacy");
_Static_assert(offsetof(struct virtio_pci_legacy, config_vector) == VIRTIO_PCI_LEGACY_CONFIG_LINE,
               "legacy");

#define VIRTIO_PCI_NO_VECTOR 0xffffu
#define VIRTIO_PAGE_BYTES 4096u

/* Device status (2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER 2u
#define VIRTIO_STATUS_DRIVER_OK 4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED 128u
#define VIRTIO_STATUS_GONE 0xffu /* what reads as all ones is not there any more */

/* ---- what is known of a device ------------------------------------------------------------ */

/* A PCI function in configuration space. */
struct pci_function {
    const struct virtio_host *host;
    char *window;     /* its part of the ECAM, NULL: ports */
    uint16_t address; /* bus, device, function: 8, 5 and 3 bits */
    /* The device on the root bus that it is or is behind, and how many pins further its own come out
     * there: a bridge turns them by the number of the device behind it. */
    uint8_t root_device, root_turns;
};

/* A base address register: address space, if bytes is not 0. */
struct pci_bar {
    uint64_t base, bytes;
    bool ports;
};

/* A piece of a BAR, mapped if it is memory. */
struct pci_region {
    char *at; /* NULL: ports */
    uint16_t port;
    uint32_t bytes; /* 0: there is none */
};

#define PCI_QUEUES_MAX 10u  /* a console's: two for each of four ports and two for control */
#define PCI_MESSAGES_MAX 5u /* of one device: what has more queues shares one */

struct pci_queue {
    uint16_t size; /* as the device said once; 0: no such queue */
    bool size_known;
    uint32_t notify_offset; /* in the notify structure */
};

struct pci_device {
    struct virtio_transport transport; /* first: what frontends see */
    struct pci_function function;
    struct pci_region
        structures[VIRTIO_PCI_STRUCTURES]; /* modern: index enum virtio_pci_structure */
    struct pci_region legacy;              /* otherwise */
    uint32_t notify_multiplier;
    uint32_t config_offset; /* of a legacy device's configuration */
    struct pci_region msix; /* the vector table; no bytes: the interrupt line is used */
    uint16_t msix_count;    /* vectors in it */
    uint16_t vectors[PCI_QUEUES_MAX + 1u]; /* by queue; the last is of the configuration */
    uint16_t event_first;                  /* one event for each queue from here on */
    uint16_t config_event;                 /* raised when the configuration changes */
    unsigned queue_count;                  /* that we use at most */
    struct pci_queue queues[PCI_QUEUES_MAX];
};

/* ---- pci_config.c: configuration space and BARs ------------------------------------------- */

uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned bytes);
void pci_config_write(const struct pci_function *function, unsigned offset, unsigned bytes,
                      uint32_t value);

/* Calls visit(function, argument) for each function of the host bridge's buses. */
void pci_functions_visit(const struct virtio_host *host, const struct virtio_pci_bus *bus,
                         void (*visit)(const struct pci_function *function, void *argument),
                         void *argument);

/* Measures all BARs of a function that decodes no addresses now. Unassigned ones have base 0. */
void pci_bars_read(const struct pci_function *function, struct pci_bar bars[PCI_BARS]);
void pci_bar_write(const struct pci_function *function, unsigned bar, const struct pci_bar *to,
                   uint64_t base);

/* ---- pci_space.c: addresses for unassigned BARs ------------------------------------------- */

struct pci_space {
    const struct virtio_pci_bus *bus;
    bool surveyed;
    uint64_t memory_next, port_next; /* from here on nothing is assigned */
};

/* Gives those BARs of a function that have none an address. Returns NULL or what is wrong. */
const char *pci_space_assign(struct pci_space *space, const struct pci_function *function,
                             struct pci_bar bars[PCI_BARS]);

/* ---- regions ------------------------------------------------------------------------------ */

static inline uint32_t pci_region_read(const struct pci_device *device,
                                       const struct pci_region *region, uint32_t offset,
                                       unsigned bytes)
{
    const struct virtio_host *host = device->function.host;

    if (region->at)
        return host->read(region->at + offset, bytes);
    return host->port_read((uint16_t)(region->port + offset), bytes);
}

static inline void pci_region_write(const struct pci_device *device,
                                    const struct pci_region *region, uint32_t offset,
                                    unsigned bytes, uint32_t value)
{
    const struct virtio_host *host = device->function.host;

    if (region->at)
        host->write(region->at + offset, bytes, value);
    else
        host->port_write((uint16_t)(region->port + offset), bytes, value);
}

/* ---- pci_capabilities.c ------------------------------------------------------------------- */

/* Finds the structures that the capability list names, each within its BAR, and maps them. Returns
 * NULL or what is wrong. */
const char *pci_structures_find(struct pci_device *device, const struct pci_bar bars[PCI_BARS]);
/* The first BAR as a legacy interface. */
const char *pci_legacy_find(struct pci_device *device, const struct pci_bar bars[PCI_BARS]);
/* The MSI-X table, if there is a sound one; returns its capability's offset, or 0. */
unsigned pci_msix_find(struct pci_device *device, const struct pci_bar bars[PCI_BARS]);

/* ---- pci_interrupts.c --------------------------------------------------------------------- */

/* Connects the device's interrupts: a message for each queue and one for the configuration, one for
 * all, or the line. `msix` is the capability's offset or 0. Returns NULL or what is wrong. */
const char *pci_interrupts_connect(struct pci_device *device, unsigned msix);
unsigned pci_config_event(const struct virtio_transport *transport); /* transport.h */
/* The device's interrupts may come, or not any more. */
void pci_interrupts_mask(const struct pci_device *device, bool masked);

/* ---- pci_modern.c, pci_legacy.c: the two transports ---------------------------------------- */

extern const struct virtio_transport_ops pci_modern_ops;
extern const struct virtio_transport_ops pci_legacy_ops;
/* Resets a device; 0, or -EIO when it does not come to rest. */
int pci_modern_reset(const struct pci_device *device);
int pci_legacy_reset(const struct pci_device *device);

static inline struct pci_device *pci_device_of(const struct virtio_transport *transport)
{
    return (struct pci_device *)(uintptr_t)transport;
}

/* The configuration's fields, whatever the region: up to 4 bytes at a time (4.1.3.1). */
static inline uint64_t pci_config_field(const struct pci_device *device,
                                        const struct pci_region *region, uint32_t base,
                                        uint32_t offset, unsigned bytes)
{
    uint64_t value;

    if (base > region->bytes || offset > region->bytes - base ||
        bytes > region->bytes - base - offset)
        return 0;
    value = pci_region_read(device, region, base + offset, bytes < 4u ? bytes : 4u);
    if (bytes > 4u)
        value |= (uint64_t)pci_region_read(device, region, base + offset + 4u, 4) << 32;
    return value;
}

static inline void pci_config_field_write(const struct pci_device *device,
                                          const struct pci_region *region, uint32_t base,
                                          uint32_t offset, uint32_t value)
{
    if (base <= region->bytes && offset <= region->bytes - base &&
        sizeof(value) <= region->bytes - base - offset)
        pci_region_write(device, region, base + offset, sizeof(value), value);
}

/* The parts of a queue one behind the other, the used ring aligned. Returns the bytes. */
static inline size_t pci_queue_lay_out(void *memory, uint16_t size, size_t used_align,
                                       struct virtio_queue_place *place)
{
    uintptr_t at = (uintptr_t)memory;
    size_t used = (VIRTQ_DESC_BYTES(size) + VIRTQ_AVAIL_BYTES(size) + used_align - 1u) &
                  ~(used_align - 1u);

    place->desc = (void *)at;
    place->avail = (void *)(at + VIRTQ_DESC_BYTES(size));
    place->used = (void *)(at + used);
    return (used + VIRTQ_USED_BYTES(size) + VIRTIO_PAGE_BYTES - 1u) &
           ~(size_t)(VIRTIO_PAGE_BYTES - 1u);
}

/* A field of a structure, by name. */
#define PCI_READ(device, region, type, field)                                   \
    pci_region_read((device), (region), (uint32_t)offsetof(struct type, field), \
                    sizeof(((struct type *)0)->field))
#define PCI_WRITE(device, region, type, field, value)                            \
    pci_region_write((device), (region), (uint32_t)offsetof(struct type, field), \
                     sizeof(((struct type *)0)->field), (value))

#endif
