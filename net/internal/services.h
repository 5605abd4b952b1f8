/* SPDX-License-Identifier: BSD-2-Clause */
/* Well-known services, for the functions of <netdb.h>. */
#ifndef NET_SERVICES_H
#define NET_SERVICES_H

#include <netdb.h>

/* A decimal port or a known name: the port in host order, or -1. */
int service_port(const char *name);
/* NULL when the port is not a well-known one. */
const char *service_name(int port);

#endif
