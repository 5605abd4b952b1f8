/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices for tests of the kernel's block layer: a disk, one that fails, and controllers, behind one
 * small ring. They work only while every thread waits, when they were asked for an event, by a function
 * that the test puts into fake.on_wait. Results come back in any order.
 */
#ifndef TESTS_KERNEL_FAKE_BLK_H
#define TESTS_KERNEL_FAKE_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "pvabi/pv.h"

#define SECTORS 4096u
#define RING 6u
#define BAD_SECTOR 4000u /* cannot be read or written */
#define EVENT 9u         /* of the disk; the next one is the controllers' */

extern uint8_t disk[SECTORS * PV_SECTOR_BYTES]; /* of all devices */
extern unsigned ring_count, done_count;         /* posted, and carried out but not taken */
extern bool event_asked;
extern unsigned takes; /* how often it was asked for a completion */
extern unsigned kicks, flushes, discarded, refreshes;
extern struct pv_blk device_state;        /* the disk */
extern struct pv_blk controller_disks[2]; /* the first controller's */

/* The disk as it is at first, with device_works at work. */
void fake_blk_reset(void);
/* The device works on some of what it was told of, in any order; on one; on all. */
void device_works(void);
void device_works_on_one(void);
void device_works_on_all(void);

#endif
