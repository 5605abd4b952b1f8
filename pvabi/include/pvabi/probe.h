/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the entry points and the kernel: each entry calls pv_start with what its boot protocol
 * handed over, and probe.c asks the hypervisors that can be behind this entry. For the platforms'
 * folders and probe.c only.
 */
#ifndef PVABI_PROBE_H
#define PVABI_PROBE_H

#include "pvabi/pv.h"

/* The entry points of an image; more than one hypervisor may use the same. */
enum pv_entry {
    PV_ENTRY_NATIVE,
    PV_ENTRY_PVH,
    PV_ENTRY_LINUX64,
    PV_ENTRY_MULTIBOOT2,
    PV_ENTRY_XEN_PV
};

struct pv_hypervisor {
    unsigned entries; /* bits 1 << enum pv_entry */
    const struct pv_platform *platform;
    /* Recognizes the hypervisor by the entry's argument and starts it: fills the boot record and
     * arch_cpu_info in, sets pv_upcall and pv_clock, finds the devices. 0, or -ENODEV when it is
     * another one. Runs without stack protector: see EARLY. */
    int (*start)(enum pv_entry entry, const void *argument, struct bootrec *record);
    const struct pv_device *(*devices)(unsigned *count);
};

/* For functions that run before arch_start has set a canary up. */
#define EARLY __attribute__((no_stack_protector))

/* On the boot stack, with nothing set up but that. */
void pv_start(enum pv_entry entry, const void *argument) __attribute__((noreturn));

#endif
