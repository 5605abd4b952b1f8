/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ends of a domain, and what else of struct pv_platform PV and PVH have in common. The status
 * goes to the launcher as a line on the log channel, which also says that the console is complete,
 * and into xenstore; Xen itself carries only a reason.
 */
#include "balloon.h"
#include "requests.h"
#include "watchdog.h"
#include "xen.h"
#include "xenstore.h"

#include <xen/sched.h>

#include "arch/arch.h"
#include "pvabi/errno.h"
#include "pvabi/stamps.h"

_Static_assert(XEN_SYSCALL == 0 && XEN_VMCALL == 1 && XEN_VMMCALL == 2, "hypercall.S");
_Static_assert(offsetof(struct pv_counters, hypercalls) == 0, "hypercall.S");

uint32_t xen_hypercall_kind;

static __attribute__((noreturn)) void end(unsigned reason)
{
    struct sched_shutdown shutdown = {.reason = reason};

    xen_console_drain();
    for (;;)
        xen_operation(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &shutdown);
}

static void say_status(int status)
{
    pv_say("\001coracle-exit ");
    pv_say_decimal((unsigned)status & 0xffu);
    pv_say("\n");
}

/* Where the launcher looks: data/ is the guest's own to write. */
static void store_status(unsigned status)
{
    char text[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                    (char)('0' + status % 10), '\0'};
    const char *digits = text;

    while (*digits == '0' && digits[1] != '\0')
        digits++;
    xenstore_write(0, "data/coracle", "status", digits);
}

/* Nothing may be leaked: what is, is one line. With counters=1 all of it is told. */
static void report_pages(void)
{
    uint64_t leaked = xen_memory_leaked();
    const uint64_t pages[] = {xen_grant_counters.in_use, xen_grant_counters.leaked,
                              xen_memory_given(), leaked};

    xen_grants_report();
    if (leaked != 0)
        xen_say("balloon: pages are neither the domain's nor Xen's\n");
    if (!pv_cmdline.counters)
        return;
    pv_say("\001coracle-pages");
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        pv_say(" 0x");
        pv_say_hex(pages[i], 1);
    }
    pv_say("\n");
}

void xen_exit(int status)
{
    xen_upcalls_mask();
    xen_watchdog_stop();
    if (xen_store != NULL)
        store_status((unsigned)status & 0xffu);
    report_pages();
    if (pv_cmdline.counters)
        pv_report_counters();
    if (pv_stamps != NULL)
        pv_stamps_tell();
    say_status(status);
    end(xen_end_reason());
}

void xen_crash_end(void)
{
    xen_watchdog_stop();
    say_status(PV_CRASH_STATUS);
    end(SHUTDOWN_crash);
}

void xen_crash(const char *message, const void *frame)
{
    xen_upcalls_mask();
    pv_report_crash(message, frame);
    xen_crash_end();
}

/* Cleared, as the contract says. Giving pages back one by one would cost Xen's heap and our page
 * tables more than it brings; a domain that is to be smaller is told so as a whole. */
int xen_discard(void *address, size_t bytes)
{
    __builtin_memset(address, 0, bytes);
    return 0;
}

struct pv_net_address xen_net_address(unsigned index)
{
    return pv_cmdline_net_address(index);
}
