/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces by name and index (POSIX.1-2024, <net/if.h>): "lo", "net0", "net1", ... */
#ifndef _NET_IF_H
#define _NET_IF_H

#include <sys/socket.h>

#define IF_NAMESIZE 16
#define IFNAMSIZ IF_NAMESIZE

#define IFF_UP 0x1
#define IFF_BROADCAST 0x2
#define IFF_LOOPBACK 0x8
#define IFF_RUNNING 0x40
#define IFF_MULTICAST 0x1000

struct if_nameindex {
    unsigned if_index; /* 1, 2, ...; 0 at the end of the array */
    char *if_name;     /* NULL at the end of the array */
};

__BEGIN_DECLS

/* 0 when there is no such interface. */
unsigned if_nametoindex(const char *name);
/* `name` (of IF_NAMESIZE bytes), or NULL with errno ENXIO. */
char *if_indextoname(unsigned index, char *name);
/* An array that if_freenameindex frees, or NULL with errno ENOMEM. */
struct if_nameindex *if_nameindex(void);
void if_freenameindex(struct if_nameindex *array);

__END_DECLS

#endif
