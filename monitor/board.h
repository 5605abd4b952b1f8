/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board: all devices of a VM, their place in guest memory, their doorbells and events, and the
 * thread that runs them. The order of calls is that of the declarations.
 *
 * Standard input is a device of every VM, but costs nothing until the program reads it: where it is
 * the only device, the thread starts with the first doorbell.
 */
#ifndef MONITOR_BOARD_H
#define MONITOR_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "layout.h"
#include "options.h"

struct board;
struct events;
struct json;
struct kvm;

/* Opens the devices that the options name. Prints its own line; negative errno. */
int board_create(struct board **board, const struct options *options);
void board_destroy(struct board *board);

unsigned board_device_count(const struct board *board);
bool board_has_user_network(const struct board *board);

/* The room for control blocks, configurations and rings. */
void board_get_needs(const struct board *board, struct layout_needs *needs);

/* Fills the boot record's device table and sets up the rings. */
void board_build(struct board *board, const struct guest_memory *memory,
                 const struct layout *layout, struct pvn_device *records);

/* Registers the doorbells and starts the devices and their thread, if any is needed yet. Signals of
 * the vCPU's thread are blocked by the caller. */
int board_start(struct board *board, struct kvm *kvm, struct events *events);

/* A doorbell that came as an exit, on the vCPU's thread. False: there is no such doorbell. */
bool board_ring_doorbell(struct board *board, uint32_t number);

/* Ends the thread; the devices are left for board_stats. */
void board_stop(struct board *board);

/* An array of the devices' counters, as a member of an open object. */
void board_write_stats(const struct board *board, struct json *out);

#endif
