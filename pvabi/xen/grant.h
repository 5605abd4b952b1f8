/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grants (version 1 of the table): pages that a backend may use. A grant that the other side still
 * holds when it is to be ended stays for ever, and its page with it. For the frontends.
 *
 *     error = xen_pages_grant(&pages, domain);     pages.first, count, refs, read_only set before
 *     ...                                          pages.refs[i] names page i
 *     xen_pages_end(&pages);                       when the other side has closed, or is given up
 */
#ifndef XEN_GRANT_H
#define XEN_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"

/* Pages that are granted together. The memory is the caller's, whole pages with nothing else in
 * them (XSA-403), and zeroed before it is granted for the first time. */
struct xen_pages {
    uint8_t *first;
    uint32_t *refs; /* `count` of them, 0 where there is none */
    unsigned count;
    bool read_only; /* for the other side */
};

/* Grants all of them, or none: 0, or -ENOMEM. */
int xen_pages_grant(struct xen_pages *pages, uint16_t domain);
/* Ends them; what the other side still holds is counted as leaked. Returns how many that were. */
unsigned xen_pages_end(struct xen_pages *pages);

/* After a restore: the table is empty, every reference void. */
void xen_grants_forget(void);

#endif
