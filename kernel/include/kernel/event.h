/* SPDX-License-Identifier: BSD-2-Clause */
/* Events from the other side. A handler runs with upcalls masked: it wakes a thread and returns. */
#ifndef KERNEL_EVENT_H
#define KERNEL_EVENT_H

/* Replaces the handler of a device's event; 0, or -EINVAL for an event that does not exist or is
 * the kernel's own. Several handlers of one event are not supported. */
int event_handle(unsigned event, void (*handler)(void *context), void *context);

/* Is told of each PV_EVENT_SYSTEM: a device's configuration changed, devices came or went, the VM
 * was cloned or restored. Any number of listeners; each belongs to the list for ever. */
struct event_listener {
    void (*run)(void *context);
    void *context;
    struct event_listener *next;
};
void event_listen_system(struct event_listener *listener);

#endif
