/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of lwIP through which every TCP segment goes, compiled as one, so that what one of them calls
 * in another is a part of the caller where that is short. They are built by themselves nowhere else in the
 * guest (mk/guest.mk takes their names from here). Files that do not need the stack (addresses, names) are
 * not among them: a program may use those alone.
 */
#include "core/inet_chksum.c"
#include "core/ip.c"
#include "core/ipv4/etharp.c"
#include "core/ipv4/ip4.c"
#include "core/mem.c"
#include "core/memp.c"
#include "core/netif.c"
#include "core/pbuf.c"
#include "core/raw.c"
#include "core/tcp.c"
#include "core/tcp_in.c"
#include "core/tcp_out.c"
#include "netif/ethernet.c"
