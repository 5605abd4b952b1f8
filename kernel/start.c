/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one ordered start-up list. Entered once by arch on the boot stack, with the platform (pv.h)
 * ready. Upcalls are off and nobody else runs until someone starts a thread or a timer.
 */
#include "kernel/start.h"

#include <stddef.h>

#include "arch/bootrec.h"
#include "first.h"
#include "kernel/log.h"
#include "pvabi/pv.h"
#include "sched.h"

const struct bootrec *bootrec;

void kernel_start(const struct bootrec *record)
{
    bootrec = record;
    cpu_self()->poll_ns = record->poll_ns;
    start_stamp(PV_STAMP_PLATFORM);
    page_start(record);
    random_start(record);
    start_stamp(PV_STAMP_MEMORY);
    if (record->profile_hz != 0)
        profile_start(record->profile_hz);
    if (fs_start != NULL) {
        fs_start();
        start_stamp(PV_STAMP_DEVICES);
    }
    if (net_start != NULL) {
        net_start();
        start_stamp(PV_STAMP_NETWORK);
    }
    if (pv->request_take != NULL)
        system_start();
    program_start(record);
}

void kernel_exit(int status)
{
    profile_end();
    start_stamp(PV_STAMP_EXIT);
    pv->exit(status);
}
