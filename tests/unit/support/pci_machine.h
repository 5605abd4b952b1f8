/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with a PCI bus and virtio devices, played by a test behind struct virtio_host. Each
 * access is checked: ports that nobody answers read as ones, memory must have been mapped and be
 * accessed aligned. A test changes the configuration space and the switches as it likes.
 */
#ifndef TESTS_PCI_MACHINE_H
#define TESTS_PCI_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvabi/virtio/pci.h"
#include "pvabi/virtio/pci_device.h"
#include "tests/unit/support/device.h"

#define MACHINE_FUNCTIONS 40u
#define MACHINE_QUEUES 4u
#define MACHINE_ECAM 0xb0000000ull
#define MACHINE_MEMORY 0xc0000000ull /* where firmware puts BARs, 64 KiB for each function */
#define MACHINE_PORTS 0x6000u        /* likewise, 128 ports for each */
#define MACHINE_VECTORS_MAX 16u

/* Where a modern device of ours has its structures, in BAR 4; the MSI-X table is in BAR 1. */
#define MACHINE_COMMON 0x0000u
#define MACHINE_ISR 0x1000u
#define MACHINE_CONFIG 0x2000u
#define MACHINE_NOTIFY 0x3000u
#define MACHINE_MULTIPLIER 4u
/* Its capabilities' places. */
#define MACHINE_CAP_MSIX 0x84u
#define MACHINE_CAP_COMMON 0x40u
#define MACHINE_CAP_ISR 0x50u
#define MACHINE_CAP_CONFIG 0x60u
#define MACHINE_CAP_NOTIFY 0x70u

struct machine_function {
    bool present;
    uint16_t address;
    uint8_t config[PCI_CONFIG_BYTES];
    uint32_t bar_mask[PCI_BARS]; /* bits that can be written */
    /* The device behind it. */
    uint64_t offered, accepted;
    uint32_t feature_select[2];
    uint8_t status, isr;
    uint16_t queue_select, config_vector, vectors[MACHINE_QUEUES];
    uint32_t enabled[MACHINE_QUEUES];
    uint64_t rings[MACHINE_QUEUES][3];
    uint16_t notify_offset[MACHINE_QUEUES];
    struct device_queue queues[MACHINE_QUEUES]; /* size as the device says */
    uint8_t device_config[DEVICE_CONFIG_BYTES];
    uint32_t msix[MACHINE_VECTORS_MAX][4];
    unsigned resets;
    /* How it misbehaves. */
    bool refuses;         /* never FEATURES_OK */
    bool stuck;           /* never resets */
    bool gone;            /* reads as ones, hears nothing */
    bool refuses_vectors; /* there is never a vector for anything */
};

struct machine {
    struct virtio_pci_bus bus;
    struct machine_function functions[MACHINE_FUNCTIONS];
    unsigned function_count;
    uint32_t port_address; /* 0xcf8 */
    bool no_bridge;        /* nobody at 0xcf8 */
    unsigned events_left, events_used;
    unsigned vectors_left;
    struct virtio_source messages[64]; /* by data - 0x40 */
    unsigned message_count;
    struct virtio_source lines[32];
    struct virtio_pin pins[32];
    unsigned line_count;
    unsigned lines_refused;
    uint32_t types[PV_DEVICES_MAX];
    const struct virtio_transport *found[PV_DEVICES_MAX];
    unsigned found_count;
    char report[128]; /* the last one */
    unsigned report_count;
    bool unmappable;
    struct {
        uint64_t address, bytes;
    } maps[512];
    unsigned map_count;
    unsigned accesses, config_accesses; /* the latter by ports */
    uint32_t (*hostile)(void);          /* when set: what every device register reads as */
};

extern struct machine machine;
extern const struct virtio_host machine_host;

/* An empty machine; with or without an ECAM. */
void machine_open(bool ecam);
void machine_close(void);
/* Device `place` (device << 3 | function) on bus 0: modern, or legacy with `id` 0x1000 to
 * 0x103f. */
struct machine_function *machine_modern(unsigned place, uint32_t type, uint64_t offered,
                                        unsigned queue_count, uint16_t size);
struct machine_function *machine_legacy(unsigned place, uint32_t type, uint64_t offered,
                                        unsigned queue_count, uint16_t size);
/* Both interfaces at once. */
struct machine_function *machine_transitional(unsigned place, uint32_t type, uint64_t offered,
                                              unsigned queue_count, uint16_t size);
void machine_find(void);

uint32_t machine_config_get(const struct machine_function *function, unsigned at, unsigned bytes);
void machine_config_set(struct machine_function *function, unsigned at, unsigned bytes,
                        uint32_t value);
/* The source behind a vector of the device's MSI-X table, NULL when it is masked or senseless. */
const struct virtio_source *machine_message(const struct machine_function *function,
                                            unsigned vector);
/* Queue `number` as the driver set it up. */
struct device_queue *machine_queue(struct machine_function *function, unsigned number);

#endif
