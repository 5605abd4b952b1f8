/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of AF_UNIX (POSIX.1-2024, <sys/un.h>). Only socketpair makes such sockets: one program
 * is all there is in this VM, so they have no names. */
#ifndef _SYS_UN_H
#define _SYS_UN_H

#include <sys/socket.h>

struct sockaddr_un {
    sa_family_t sun_family; /* AF_UNIX */
    char sun_path[108];
};

#endif
