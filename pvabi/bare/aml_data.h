/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps through ACPI's byte code (20.2), never past its end, shared by aml.c, which has them, and
 * aml_resources.c. What returns false leaves the place that it read at undefined.
 */
#ifndef BARE_AML_DATA_H
#define BARE_AML_DATA_H

#include <stddef.h>

#include "aml.h"

#define AML_OP_BUFFER 0x11u

/* What is left to read. */
struct aml {
    const uint8_t *at, *end;
};

/* What a _CRS says. */
struct aml_resources {
    uint64_t memory, memory_bytes; /* the first */
    uint64_t window, window_bytes; /* the greatest below 4 GiB */
    bool has_line;
    struct bare_aml_line line;
    uint8_t bus_last;
};

size_t bare_aml_left(const struct aml *aml);
bool bare_aml_skip(struct aml *aml, size_t bytes);
/* An integer of up to eight bytes, least significant first. */
uint64_t bare_aml_little(const uint8_t *at, unsigned bytes);
bool bare_aml_take(struct aml *aml, unsigned bytes, uint64_t *value);
/* PkgLength and what it covers (20.2.4): the length counts from its own first byte. */
bool bare_aml_package(struct aml *aml, struct aml *inside);
/* An integer that is a constant (20.2.3). */
bool bare_aml_integer(struct aml *aml, uint64_t *value);

/* Reads a buffer that holds a resource template, up to where it is malformed; `data` is a data object. */
void bare_aml_resources(struct aml data, struct aml_resources *out);

#endif
