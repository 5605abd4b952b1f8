/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XenBus (xen/io/xenbus.h): devices as nodes of xenstore, and the states through which frontend and
 * backend connect and close. For the frontends, which attach like this:
 *
 *     bus->driver = &driver; bus->frontend = frontend;
 *     wrong = xenbus_attach(bus);            the driver's offer and connected were called
 *     ... in each call of the kernel's, first: ...
 *     there = xenbus_ready(bus, &wrong);     false after a restore, while it connects anew
 *     xenbus_close(bus);                     grants may be ended after that
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

struct xenbus_device;

/* What a frontend does while it connects. Called with upcalls masked. */
struct xenbus_driver {
    /* The domain was restored: grants and channels are not there any more. Never while the others are
     * called, but perhaps in the midst of anything else. */
    void (*forget)(void *frontend);
    /* The backend waits for us: grants rings, opens channels, sets bus->event, publishes them. */
    const char *(*offer)(void *frontend);
    /* The backend has taken them. */
    const char *(*connected)(void *frontend);
};

enum xenbus_phase {
    XENBUS_CLOSED,
    XENBUS_CLOSING, /* it is over, but its grants may still stand */
    XENBUS_CONNECTED,
    XENBUS_BEGUN,   /* its backend is to be looked for */
    XENBUS_AWAITED, /* the backend is not ready yet */
    XENBUS_OFFERED  /* the backend has not connected yet */
};

/* A device; lives for ever. pv_device.transport points to it. */
struct xenbus_device {
    const struct xenbus_driver *driver;
    void *frontend;
    char path[32];                   /* relative to the domain's home: "device/vbd/51712" */
    char backend[XENBUS_PATH_BYTES]; /* absolute; known from XENBUS_AWAITED on */
    uint16_t backend_domain;
    uint32_t number;      /* the path's last part */
    unsigned watch;       /* of the backend's state */
    unsigned event;       /* raised when there is reason to call xenbus_ready */
    uint64_t deadline_ns; /* of a phase in which the backend has to do something */
    enum xenbus_phase phase;
    bool changed;       /* the backend's state, since it was looked at while connecting */
    volatile bool lost; /* the backend left */
    bool watched;
};

struct xenbus_value {
    const char *name;
    const char *text; /* NULL: the number counts */
    uint32_t number;
};

struct xenbus_device *xenbus_device_of(const struct pv_device *device);

/* Waits until the device is connected; others run meanwhile. */
const char *xenbus_attach(struct xenbus_device *bus);
/* Whether it is connected. If not, it goes on connecting, without waiting for the backend; *wrong is
 * why it never will, or NULL: bus->event tells when to look again. */
bool xenbus_ready(struct xenbus_device *bus, const char **wrong);
/* Raises the events of devices that are connecting, whose backends may be awaited for too long. Returns
 * in how many nanoseconds to call again, PV_NO_DEADLINE when there are none. Upcalls are masked. */
uint64_t xenbus_overdue(void);
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
/* Tells the backend that it is over and gives it a moment to let go of what it has mapped; others run
 * meanwhile, unless upcalls are masked. */
void xenbus_close(struct xenbus_device *bus);

#endif
