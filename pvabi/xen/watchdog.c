/* SPDX-License-Identifier: BSD-2-Clause */
/* The watchdog (watchdog.h): one of the two that Xen has for each domain. */
#include "watchdog.h"

#include <xen/sched.h>

#include "xen.h"

#define HALF_SECOND_NS 500000000ull /* it is patted when half of its time is over */

static uint32_t watchdog_id; /* Xen's number of it; 0: not armed */

static long watchdog_set(uint32_t seconds)
{
    struct sched_watchdog watchdog = {.id = watchdog_id, .timeout = seconds};

    return xen_operation(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &watchdog);
}

void xen_watchdog_pat(uint64_t *again_ns)
{
    uint64_t half_ns = pv_cmdline.watchdog_s * HALF_SECOND_NS;
    long result;

    if (half_ns == 0)
        return;
    result = watchdog_set(pv_cmdline.watchdog_s);
    if (result < 0) {
        xen_say("watchdog: Xen gives none\n");
        pv_cmdline.watchdog_s = 0;
        return;
    }
    if (watchdog_id == 0)
        watchdog_id = (uint32_t)result;
    if (*again_ns > half_ns)
        *again_ns = half_ns;
}

void xen_watchdog_stop(void)
{
    if (watchdog_id != 0)
        (void)watchdog_set(0);
    watchdog_id = 0;
}
