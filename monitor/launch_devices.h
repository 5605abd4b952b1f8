/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices of a launch, read from the options. For launch*.c only. */
#ifndef MONITOR_LAUNCH_DEVICES_H
#define MONITOR_LAUNCH_DEVICES_H

#include "launch.h"

#define PORTS_MAX 256u

/* Ports that were found free: held until all are read, so that one named twice is found. */
struct ports {
    int fds[PORTS_MAX];
    unsigned count;
};

/* Fills launch->devices; see launch_open. */
int launch_read_devices(struct launch *launch, bool check);

/* For VMMs that cannot be told to pass the page cache by: 0, or -EINVAL with a printed reason. */
int launch_refuse_direct(const struct launch *launch, const char *vmm);

/* Reads the next HOST:GUEST of a list and moves *at behind it and its comma; false: malformed. */
bool launch_next_forward(const char **at, unsigned *host, unsigned *guest);

#endif
