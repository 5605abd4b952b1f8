/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory as the monitor sees it. A guest-physical address is a type of its own, and
 * memory_at is the one function that turns an address and a length into a pointer. Used by the
 * vCPU's hypercalls and by every backend.
 */
#ifndef MONITOR_MEMORY_H
#define MONITOR_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t value;
} gpa_t;

#define MEMORY_READ_ONLY_MAX 16u

struct guest_memory {
    uint8_t *host;      /* where `base` is mapped */
    uint64_t base;      /* PVN_RAM_BASE */
    uint64_t ram_bytes; /* what the guest may name in descriptors and hypercalls */
    uint64_t all_bytes; /* RAM and the monitor's own area behind it: one memory slot */
    /* Parts of RAM that are mapped read-only on the host: text and constants of the image. */
    struct {
        uint64_t begin, end;
    } read_only[MEMORY_READ_ONLY_MAX];
    unsigned read_only_count;
};

enum memory_access { MEMORY_READ, MEMORY_WRITE };

/*
 * The host pointer to `bytes` bytes of RAM at `address`, or NULL unless all of them lie in RAM and
 * allow the access. Zero bytes are allowed anywhere in RAM, its end included.
 */
void *memory_at(const struct guest_memory *memory, gpa_t address, uint64_t bytes,
                enum memory_access access);

#endif
