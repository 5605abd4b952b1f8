/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for addresses, from an image's ELF symbol table. Pure code; used by crash reports. */
#ifndef MONITOR_SYMBOLS_H
#define MONITOR_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "elf.h"

#define SYMBOL_NAME_MAX 96u

struct symbol {
    char name[SYMBOL_NAME_MAX]; /* printable ASCII, cut if longer */
    uint64_t offset;            /* of the address from the symbol's start */
};

/* Finds the function that holds `address`. `image` was filled by elf_parse from the same file. */
bool symbols_find(const uint8_t *file, const struct elf_image *image, uint64_t address,
                  struct symbol *found);

#endif
