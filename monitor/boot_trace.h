/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a start has come, for `coracle bench boot`: it starts `coracle run --boot-trace FD` and reads
 * what that writes into the memory behind FD. Without the option boot_trace is NULL and nothing is
 * noted. For the thread of the command alone.
 */
#ifndef MONITOR_BOOT_TRACE_H
#define MONITOR_BOOT_TRACE_H

#include <stdint.h>

#include "pvabi/native.h"

/* In the order in which they come; a start need not have all of them. */
enum boot_mark {
    BOOT_COMMAND, /* main of `coracle run`; of its twin, where that takes over */
    BOOT_INPUTS,  /* image and devices are open */
    BOOT_VM,      /* the VM and its vCPU are there; or QEMU or xl is started */
    BOOT_LOAD,    /* the image is mapped, page tables and boot record are built */
    BOOT_ENTER,   /* the devices' thread runs, the sandbox is closed: the guest is entered */
    BOOT_GUEST,   /* the guest's own stamps, in the order of enum pvn_stamp */
    BOOT_MAIN = BOOT_GUEST + PVN_STAMP_MAIN,
    BOOT_EXIT = BOOT_GUEST + PVN_STAMP_EXIT,
    BOOT_MARK_COUNT = BOOT_GUEST + PVN_STAMP_COUNT
};

struct boot_trace {
    uint64_t reader;                 /* the process that measures */
    uint64_t at_ns[BOOT_MARK_COUNT]; /* CLOCK_MONOTONIC; 0: not reached */
    uint64_t exits, hypercalls;      /* before main; native only: */
    uint64_t pages; /* of RAM that the guest has a copy of its own of, at the end */
};

extern struct boot_trace *boot_trace;

/* Maps the memory behind a descriptor. 0, or a negative errno and a printed line. */
int boot_trace_open(int fd);

/* This process is to end with the one that measures. The kernel forgets that when a process gives up
 * privileges: for then. */
void boot_trace_end_with_reader(void);

void boot_trace_mark(enum boot_mark mark);

/* What the guest has stamped: `last` happened at `last_ns`; cycles times mul, shifted as pvclock says,
 * are nanoseconds. */
void boot_trace_guest(const uint64_t cycles[PVN_STAMP_COUNT], enum pvn_stamp last, uint64_t last_ns,
                      uint32_t mul, int8_t shift);

#endif
