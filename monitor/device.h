/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend device: what the board (boot record, doorbells, events) knows of it, and the operations
 * that a backend fulfils. A backend is opened while options are read (so that a user's mistake is
 * said before a VM exists), started when rings and memory are there, and then runs on the loop's
 * thread alone.
 */
#ifndef MONITOR_DEVICE_H
#define MONITOR_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "pvabi/native.h"

struct loop;
struct device;
struct vring; /* vring.h: the device's side of one split virtqueue */
struct json;

#define DEVICE_CONFIG_MAX 64u

struct device_ops {
    const char *name; /* "block", "tap", "user" */
    /* Rings are set up; watch descriptors on the loop. Negative errno with a printed reason. */
    int (*start)(struct device *device, struct loop *loop);
    /* A doorbell for `queue` rang (several rings may be one call). */
    void (*kick)(struct device *device, unsigned queue);
    /* Counters, as members of an open JSON object. */
    void (*stats)(const struct device *device, struct json *out);
    void (*destroy)(struct device *device);
};

struct device {
    const struct device_ops *ops;
    uint16_t type;  /* virtio id */
    uint16_t index; /* within its type */
    uint64_t features;
    uint8_t config[DEVICE_CONFIG_MAX]; /* initial configuration */
    uint32_t config_bytes;
    unsigned queue_count;
    uint16_t queue_sizes[PVN_QUEUES_MAX];
    struct pvn_net_address net;

    /* Filled by the board before start: */
    const struct guest_memory *memory;
    struct vring *rings[PVN_QUEUES_MAX];
    struct pvn_device_control *control; /* shared with the guest: copy once */
    struct pvn_device *record;          /* the guest's view, read-only for it */
    uint8_t *shared_config;             /* likewise */
    uint16_t config_event;
    struct board *board;
    bool failed; /* set by device_fail; a backend checks it before it touches a ring */
};

/* Raises an event for the guest: sets its bit, wakes or interrupts the vCPU. Any thread. */
void board_raise_event(struct board *board, unsigned event);

/*
 * Tells that a guest broke the rules of a ring: one line on standard error, the device stops
 * serving (its kick does nothing from now on).
 */
void device_fail(struct device *device, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
