/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest for the backends' tests: RAM, rings, and a driver that does as it is told, lies included.
 * It plays the board as well: events are counted, failures remembered.
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "vring.h"

#define GUEST_RAM_BYTES (1u << 20)
#define GUEST_READ_ONLY_BYTES 4096u /* the image's text, at the start of RAM */
#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u

struct fake_desc {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

struct fake_queue {
    struct vring ring; /* the device's side */
    uint16_t size;
    void *memory;
    struct fake_desc *desc;
    uint16_t *driver;   /* flags, index, heads[size], used event */
    uint8_t *device;    /* flags, index, used[size], avail event */
    uint16_t next_desc; /* chains are laid out one after the other, around the table */
    uint16_t next_avail;
    uint16_t last_used;
};

struct fake_guest {
    struct guest_memory memory;
    struct device *device;
    struct pvn_device_control control;
    struct fake_queue queues[PVN_QUEUES_MAX];
};

/* One segment of a chain: at an offset into RAM. */
struct fake_segment {
    uint32_t offset;
    uint32_t bytes;
    bool writable;
};

/* What the board saw; cleared by guest_init. */
extern unsigned board_events[PVN_QUEUES_MAX]; /* by queue */
extern char board_failure[256];

/* Memory and rings for `device` (NULL: one queue of `size` without a device). The driver is ready
 * and accepts `features`. */
void guest_init(struct fake_guest *guest, struct device *device, uint64_t features);
void guest_init_ring(struct fake_guest *guest, uint16_t size, uint64_t features);
void guest_destroy(struct fake_guest *guest);

void *guest_ram(struct fake_guest *guest, uint32_t offset);

/* Makes a chain available and returns its head. */
uint16_t guest_post(struct fake_guest *guest, unsigned queue, const struct fake_segment *segments,
                    unsigned count);

/* Puts `head` into the available ring as it is, true or not. */
void guest_avail(struct fake_guest *guest, unsigned queue, uint16_t head);

/* Would a well-behaved driver ring for the buffers posted since `before`? */
bool guest_must_ring(struct fake_guest *guest, unsigned queue, uint16_t before);
void guest_set_used_event(struct fake_guest *guest, unsigned queue, uint16_t index);

/* Takes the next used buffer: false when there is none. */
bool guest_take(struct fake_guest *guest, unsigned queue, uint16_t *head, uint32_t *bytes);

#endif
