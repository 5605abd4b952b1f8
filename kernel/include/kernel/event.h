/* SPDX-License-Identifier: BSD-2-Clause */
/* Events from the other side. A handler runs with upcalls masked: it wakes a thread and returns. */
#ifndef KERNEL_EVENT_H
#define KERNEL_EVENT_H

struct waitq;

/* Replaces the handler of a device's event; 0, or -EINVAL for an event that does not exist or is
 * the kernel's own. Several handlers of one event are not supported. */
int event_handle(unsigned event, void (*handler)(void *context), void *context);

/* Woken by PV_EVENT_SYSTEM: devices came or went, or the VM was cloned or restored. */
extern struct waitq event_system_waitq;

#endif
