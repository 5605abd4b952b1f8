/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads Xen's log; see launch_xen_report.h. */
#include "launch_xen_report.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An exception's frame and what the interrupted code may have below its stack pointer. */
#define FRAME_BYTES_MAX 512u

/* The last place of `what` in [text, end); NULL: none. */
static const char *find_last(const char *text, const char *end, const char *what)
{
    const char *found = NULL;

    for (const char *at = text; (at = strstr(at, what)) && at < end; at++)
        found = at;
    return found;
}

/* The number behind the first `what` from `text` on. */
static bool find_number(const char *text, const char *what, uint64_t *number)
{
    const char *at = text ? strstr(text, what) : NULL;
    char *end;

    if (!at)
        return false;
    at += strlen(what);
    *number = strtoull(at, &end, 16);
    return end != at;
}

void launch_xen_report(const char *dmesg, unsigned id, struct text *to)
{
    const char *end = dmesg + strlen(dmesg), *crash, *walk;
    uint64_t rip, rsp, address;
    char title[64];

    snprintf(title, sizeof title, "(XEN) Domain %u (vcpu#0) crashed", id);
    crash = find_last(dmesg, end, title);
    if (!find_number(crash, "RIP:    e033:[<", &rip) || !find_number(crash, " rsp: ", &rsp))
        return;
    /* Where Xen could not write, if that is why. */
    walk = find_last(dmesg, crash, "(XEN) Pagetable walk from ");
    if (walk && find_number(walk, " from ", &address) && rsp >= address &&
        rsp - address <= FRAME_BYTES_MAX)
        text_format(to, "crash: stack overflow: write to 0x%llx\n", (unsigned long long)address);
    else
        text_format(to, "crash: Xen ended the guest (xl dmesg tells more)\n");
    text_format(to, "  rip %016llx  rsp %016llx\nbacktrace:\n  at 0x%llx\n",
                (unsigned long long)rip, (unsigned long long)rsp, (unsigned long long)rip);
}
