/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of TCP sockets at level IPPROTO_TCP (POSIX.1-2024, <netinet/tcp.h>); values of Linux. */
#ifndef _NETINET_TCP_H
#define _NETINET_TCP_H

#define TCP_NODELAY 1   /* send small segments at once */
#define TCP_MAXSEG 2    /* read only: the segment size in use */
#define TCP_KEEPIDLE 4  /* seconds of silence before the first probe */
#define TCP_KEEPINTVL 5 /* seconds between probes */
#define TCP_KEEPCNT 6   /* probes without an answer that end the connection */

#define SOL_TCP 6

#endif
