/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps of the start, for the platforms whose host does not read the guest's memory: told on the log
 * channel, as a line that the launcher takes out (monitor/launch_log.h). Only for a launcher that asks
 * on the command line: people who read the log would see it.
 */
#include "pvabi/stamps.h"

#include "arch/arch.h"
#include "arch/pvclock.h"
#include "pvabi/cmdline.h"
#include "pvabi/pv.h"
#include "pvabi/report.h"

static uint64_t stamps[PV_STAMP_COUNT];

void pv_stamps_start(uint64_t entry_cycles)
{
    if (!pv_cmdline.stamps)
        return;
    pv_stamps = stamps;
    stamps[PV_STAMP_ENTRY] = entry_cycles;
}

void pv_stamps_tell(void)
{
    (void)pvclock_read_ns(pv_clock); /* its parameters are there from the first reading on */
    pv_say("\001coracle-stamps 0x");
    pv_say_hex(pv_clock->tsc_to_system_mul, 1);
    pv_say(" 0x");
    pv_say_hex((uint8_t)pv_clock->tsc_shift, 1);
    for (unsigned i = 0; i < PV_STAMP_COUNT; i++) {
        pv_say(" 0x");
        pv_say_hex(stamps[i], 1);
    }
    pv_say("\n");
}
