/* SPDX-License-Identifier: BSD-2-Clause */
/* Internet addresses as text (POSIX.1-2024, <arpa/inet.h>). */
#ifndef _ARPA_INET_H
#define _ARPA_INET_H

#include <netinet/in.h>

__BEGIN_DECLS

/* Dotted text to an address: one to four parts, each decimal, octal (0...) or hexadecimal (0x...).
 * inet_addr answers INADDR_NONE for text that is none; inet_aton returns 1, or 0. */
in_addr_t inet_addr(const char *text);
int inet_aton(const char *text, struct in_addr *address);
/* In a buffer of the calling thread's own. */
char *inet_ntoa(struct in_addr address);
/* 1; 0 for text that is no such address; -1 with errno EAFNOSUPPORT. */
int inet_pton(int family, const char *text, void *address);
/* `text`, or NULL with errno EAFNOSUPPORT or ENOSPC. */
const char *inet_ntop(int family, const void *address, char *text, socklen_t bytes);

__END_DECLS

#endif
