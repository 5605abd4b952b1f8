/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Xen's own log says of a domain that it ended. A PV guest whose stack has overflown cannot
 * report that itself: Xen has no place for the exception's frame. Pure code.
 */
#ifndef MONITOR_LAUNCH_XEN_REPORT_H
#define MONITOR_LAUNCH_XEN_REPORT_H

#include <stdbool.h>

#include "words.h"

/*
 * Looks in the output of `xl dmesg` for the end of domain `id` and adds a report in the form that
 * guests use (launch_log.h). Nothing is added when nothing is found.
 */
void launch_xen_report(const char *dmesg, unsigned id, struct text *to);

#endif
