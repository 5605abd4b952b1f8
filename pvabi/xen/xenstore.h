/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of xenstore (xen/io/xs_wire.h; docs/misc/xenstore.txt of Xen): one request at a time over
 * the shared ring, each answered within a deadline or the store is given up. For xenbus, and the
 * platform's own few nodes.
 *
 * A path is `dir`/`name`, or `name` alone with dir NULL; a relative one begins at the domain's home.
 * `transaction` is 0 outside of one. Results: -ENOENT no such node, -EAGAIN the transaction is to be
 * repeated, -EINVAL a value longer than the room for it, -EIO everything else, and always once the
 * store is out of service, which says so in one line. Calls mask upcalls while they wait.
 */
#ifndef XEN_XENSTORE_H
#define XEN_XENSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"

#define XENSTORE_WATCHES 64u /* the upper half are XenBus's */
#define XENSTORE_TRIES 16u   /* of a transaction that somebody else's writes invalidate */

/* The value, NUL-terminated; returns its length without the NUL. */
int xenstore_read(uint32_t transaction, const char *dir, const char *name, char *value,
                  size_t room);
int xenstore_write(uint32_t transaction, const char *dir, const char *name, const char *value);
/* The names of a node's children, each with its NUL; returns their bytes. */
int xenstore_directory(uint32_t transaction, const char *dir, const char *name, char *names,
                       size_t room);

/* Decimal digits and nothing else. */
bool xenstore_number(const char *text, uint64_t *number);

int xenstore_begin(uint32_t *transaction);
int xenstore_end(uint32_t transaction, bool commit);

/* Watches are numbered by the caller, below XENSTORE_WATCHES. A new watch fires once at once. */
int xenstore_watch(const char *dir, const char *name, unsigned watch);
/* The same, but nobody waits for the answer, so that it costs little. */
void xenstore_watch_post(const char *dir, const char *name, unsigned watch);
int xenstore_unwatch(const char *dir, const char *name, unsigned watch);
/* Takes messages that have come; never waits. */
void xenstore_poll(void);
/* Sleeps until a message may have come, and polls. */
void xenstore_wait(uint64_t deadline_ns);
/* Takes the watches of `which` that have fired, a bit each. */
uint64_t xenstore_fired(uint64_t which);
/* Looks, and leaves them. */
bool xenstore_has_fired(uint64_t which);

/* Waits until nothing is under way. */
void xenstore_settle(void);
/* After a restore: a new ring, nobody's watches. */
void xenstore_restart(void);
/* NULL while in service. */
const char *xenstore_fault(void);

#endif
