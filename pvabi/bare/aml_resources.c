/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resource templates of ACPI (6.4), as far as we want them: the first and the greatest memory window,
 * the first interrupt, the buses. For aml.c; see aml_data.h.
 */
#include "aml_data.h"

/* The types of small and large descriptors. */
#define SMALL_IRQ 4u
#define SMALL_END 15u
#define LARGE_MEMORY32_FIXED 6u
#define LARGE_ADDRESS32 7u
#define LARGE_ADDRESS16 8u
#define LARGE_INTERRUPT 9u
#define LARGE_ADDRESS64 10u
#define SPACE_MEMORY 0u
#define SPACE_BUS 2u

static void crs_memory(uint64_t address, uint64_t bytes, struct aml_resources *out)
{
    if (bytes == 0 || address > UINT64_MAX - bytes)
        return;
    if (out->memory_bytes == 0) {
        out->memory = address;
        out->memory_bytes = bytes;
    }
    if (bytes > out->window_bytes && address + bytes <= 1ull << 32) {
        out->window = address;
        out->window_bytes = bytes;
    }
}

/* A word, dword or qword address space descriptor (6.4.3.5): fields of `width` bytes. */
static void crs_address(const uint8_t *at, size_t bytes, unsigned width, struct aml_resources *out)
{
    uint64_t first, count;

    if (bytes < 3 + 5 * (size_t)width)
        return;
    first = bare_aml_little(at + 3 + width, width);
    count = bare_aml_little(at + 3 + 4 * width, width);
    if (at[0] == SPACE_MEMORY)
        crs_memory(first, count, out);
    else if (at[0] == SPACE_BUS && first == 0 && count > 0)
        out->bus_last = (uint8_t)(count > 256 ? 255 : count - 1);
}

static void crs_large(unsigned type, const uint8_t *at, size_t bytes, struct aml_resources *out)
{
    switch (type) {
    case LARGE_MEMORY32_FIXED:
        if (bytes >= 9)
            crs_memory(bare_aml_little(at + 1, 4), bare_aml_little(at + 5, 4), out);
        break;
    case LARGE_ADDRESS16:
        crs_address(at, bytes, 2, out);
        break;
    case LARGE_ADDRESS32:
        crs_address(at, bytes, 4, out);
        break;
    case LARGE_ADDRESS64:
        crs_address(at, bytes, 8, out);
        break;
    case LARGE_INTERRUPT:
        if (bytes < 6 || at[1] == 0 || out->has_line)
            break;
        out->has_line = true;
        out->line = (struct bare_aml_line){.line = (uint32_t)bare_aml_little(at + 2, 4),
                                           .level = !(at[0] & 2),
                                           .active_low = (at[0] & 4) != 0};
        break;
    }
}

/* 6.4.2.1: a mask of ISA interrupts, and how they are triggered if that is not by edges. */
static void crs_irq(const uint8_t *at, size_t bytes, struct aml_resources *out)
{
    uint32_t mask = bytes >= 2 ? (uint32_t)bare_aml_little(at, 2) : 0;

    if (mask == 0 || out->has_line)
        return;
    out->has_line = true;
    out->line = (struct bare_aml_line){.line = (uint32_t)__builtin_ctz(mask), .is_isa = true};
    if (bytes >= 3) {
        out->line.level = !(at[2] & 1);
        out->line.active_low = (at[2] & 8) != 0;
    }
}

/* A buffer that holds a resource template. */
void bare_aml_resources(struct aml data, struct aml_resources *out)
{
    struct aml buffer;
    uint64_t bytes, head;

    *out = (struct aml_resources){.bus_last = 255};
    if (bare_aml_left(&data) == 0 || *data.at++ != AML_OP_BUFFER ||
        !bare_aml_package(&data, &buffer) || !bare_aml_integer(&buffer, &bytes))
        return;
    if (bytes < bare_aml_left(&buffer))
        buffer.end = buffer.at + bytes;
    while (bare_aml_take(&buffer, 1, &head)) {
        const uint8_t *at;
        bool large = head >> 7;
        unsigned type = large ? head & 0x7f : head >> 3 & 15;

        bytes = head & 7;
        if ((large && !bare_aml_take(&buffer, 2, &bytes)) || (!large && type == SMALL_END))
            return;
        at = buffer.at;
        if (!bare_aml_skip(&buffer, bytes))
            return;
        if (large)
            crs_large(type, at, bytes, out);
        else if (type == SMALL_IRQ)
            crs_irq(at, bytes, out);
    }
}
