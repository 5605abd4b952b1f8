/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table that names the hypervisors, and what the contract (pv.h) keeps for all of them.
 * Every entry point arrives in pv_start, which ends in the kernel.
 */
#include "pvabi/probe.h"

#include "arch/bootrec.h"
#include "bare/bare.h"
#include "native/platform.h"
#include "xen/platform.h"
#include "xen_pvh.h"

static const struct pv_hypervisor *const hypervisors[] = {
    &native_hypervisor,
    &xen_pv_hypervisor,
    &xen_pvh_hypervisor, /* before the machine that it builds on */
    &bare_hypervisor,
};
#define HYPERVISOR_COUNT (sizeof(hypervisors) / sizeof(hypervisors[0]))

const struct pv_platform *pv;
struct pv_upcall *pv_upcall;
const struct pvclock *pv_clock;
volatile uint64_t pv_clock_offset_ns;
struct pv_counters pv_counters;
uint64_t *pv_stamps;

static const struct pv_hypervisor *hypervisor;
static struct bootrec record;

EARLY void pv_start(enum pv_entry entry, const void *argument)
{
    for (unsigned i = 0; i < HYPERVISOR_COUNT; i++) {
        hypervisor = hypervisors[i];
        if ((hypervisor->entries & 1u << entry) == 0 ||
            hypervisor->start(entry, argument, &record) < 0)
            continue;
        pv = hypervisor->platform;
        arch_start(&record);
    }
    __builtin_trap(); /* nobody there to tell it to */
}

const struct pv_device *pv_devices(unsigned *count)
{
    return hypervisor->devices(count);
}
