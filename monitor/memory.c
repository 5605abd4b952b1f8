/* SPDX-License-Identifier: BSD-2-Clause */
/* The one place where a guest-physical address becomes a pointer. See memory.h. */
#include "memory.h"

#include <stddef.h>

void *memory_at(const struct guest_memory *memory, gpa_t address, uint64_t bytes,
                enum memory_access access)
{
    uint64_t offset = address.value - memory->base;

    if (address.value < memory->base || offset > memory->ram_bytes ||
        bytes > memory->ram_bytes - offset)
        return NULL;
    if (access == MEMORY_WRITE && bytes > 0) {
        for (unsigned i = 0; i < memory->read_only_count; i++)
            if (address.value < memory->read_only[i].end &&
                address.value + bytes > memory->read_only[i].begin)
                return NULL;
    }
    return memory->host + offset;
}
