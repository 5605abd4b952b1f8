/* SPDX-License-Identifier: BSD-2-Clause */
/* Names to addresses, for the functions of <netdb.h>. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

struct resolved {
    unsigned count;
    struct resolved_address {
        int family;
        uint8_t bytes[16]; /* network byte order */
    } addresses[4];
};

/* Blocks. family may be AF_UNSPEC. 0 with at least one address, or an EAI_ code. */
int resolve(const char *name, int family, bool numeric_only, struct resolved *resolved);

#endif
