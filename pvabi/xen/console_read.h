/* SPDX-License-Identifier: BSD-2-Clause */
/* The console frontend of a domain, for pvabi/frontends_console.c: input only. */
#ifndef XEN_CONSOLE_READ_H
#define XEN_CONSOLE_READ_H

#include "pvabi/pv.h"

extern const struct pv_console_ops xen_console_ops;

#endif
