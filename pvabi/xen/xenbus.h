/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XenBus (xen/io/xenbus.h): devices as nodes of xenstore, and the states through which frontend and
 * backend connect and close. For the frontends, which attach like this:
 *
 *     wrong = xenbus_begin(bus);                      the backend waits for us
 *     xenbus_number(bus, "feature-x", 0)              what it offers
 *     ... grant rings, open channels ...
 *     wrong = xenbus_publish(bus, values, count, XenbusStateInitialised);
 *     wrong = xenbus_connected(bus, event);           it has taken them
 *     ... as long as bus->lost is false and xenbus_generation is what it was ...
 *     xenbus_close(bus);                              grants may be ended after that
 *
 * Functions that may go wrong return NULL or a few words for the console line.
 */
#ifndef XEN_XENBUS_H
#define XEN_XENBUS_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/io/xenbus.h>

#include "host.h"

#define XENBUS_PATH_BYTES 96u

/* Watches of the domain itself; when one fires, PV_EVENT_SYSTEM is raised. */
#define XENBUS_WATCH_SHUTDOWN 0u
#define XENBUS_WATCH_MEMORY 1u
#define XENBUS_SYSTEM_WATCHES (1ull << XENBUS_WATCH_SHUTDOWN | 1ull << XENBUS_WATCH_MEMORY)

/* A device; lives for ever. pv_device.transport points to it. */
struct xenbus_device {
    char path[32];                   /* relative to the domain's home: "device/vbd/51712" */
    char backend[XENBUS_PATH_BYTES]; /* absolute; set by xenbus_begin */
    uint16_t backend_domain;
    uint32_t number;    /* the path's last part */
    unsigned watch;     /* of the backend's state */
    unsigned event;     /* raised when the backend leaves; 0: not connected */
    volatile bool lost; /* the backend left */
    bool watched;
};

struct xenbus_value {
    const char *name;
    const char *text; /* NULL: the number counts */
    uint32_t number;
};

/* Changes with each restore: what was granted and opened before is gone. */
extern volatile uint32_t xenbus_generation;

struct xenbus_device *xenbus_device_of(const struct pv_device *device);

const char *xenbus_begin(struct xenbus_device *bus);
/* A decimal number anywhere; `otherwise` where there is none. */
uint64_t xenbus_number_read(const char *dir, const char *name, uint64_t otherwise);
/* A decimal number that the backend offers; `otherwise` where there is none, or not a number. */
uint64_t xenbus_number(const struct xenbus_device *bus, const char *name, uint64_t otherwise);
/* Nodes of ours, as the tool stack wrote them; a text's length, or a negative errno. */
uint64_t xenbus_own_number(const struct xenbus_device *bus, const char *name, uint64_t otherwise);
int xenbus_text(const struct xenbus_device *bus, const char *name, char *text, size_t room);
/* Writes the values in one transaction, then the state. */
const char *xenbus_publish(struct xenbus_device *bus, const struct xenbus_value *values,
                           unsigned count, enum xenbus_state state);
/* Waits for the backend to be connected, and says so ourselves. */
const char *xenbus_connected(struct xenbus_device *bus, unsigned event);
/* Tells the backend that it is over and gives it a moment to let go of what it has mapped. */
void xenbus_close(struct xenbus_device *bus);

#endif
