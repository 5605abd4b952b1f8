/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks an address up in an image's symbol table: one pass, no index, because it runs once per line
 * of a crash report. Relies on elf_parse having checked that both tables lie inside the file.
 */
#include "symbols.h"

#include <elf.h>
#include <string.h>

static void copy_name(const uint8_t *names, uint64_t names_bytes, uint64_t offset, char *to)
{
    size_t length = 0;
    while (length < SYMBOL_NAME_MAX - 1 && offset + length < names_bytes &&
           names[offset + length] != 0) {
        uint8_t byte = names[offset + length];
        to[length++] = byte >= 0x20 && byte < 0x7f ? (char)byte : '?';
    }
    to[length] = 0;
}

/* How well a symbol at or below an address names it; 0: not at all. The C library's assembler code has
 * functions without type and size, with local labels inside. */
static unsigned rank_symbol(const Elf64_Sym *symbol, const uint8_t *names, uint64_t names_bytes,
                            uint64_t address)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);

    if ((type != STT_FUNC && type != STT_NOTYPE) || symbol->st_shndx == SHN_UNDEF ||
        symbol->st_shndx == SHN_ABS || symbol->st_name >= names_bytes || symbol->st_value > address)
        return 0;
    if (names[symbol->st_name] == '.' || names[symbol->st_name] == '$')
        return 0; /* a compiler's local label */
    if (type == STT_FUNC && symbol->st_size)
        return address - symbol->st_value < symbol->st_size ? 3 : 0;
    return type == STT_NOTYPE && ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ? 1 : 2;
}

bool symbols_find(const uint8_t *file, const struct elf_image *image, uint64_t address,
                  struct symbol *found)
{
    const uint8_t *names = file + image->names_offset;
    uint64_t best_value = 0, best_name = 0;
    unsigned best_rank = 0;

    for (uint64_t i = 0; i < image->symbol_count; i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, file + image->symbols_offset + i * sizeof symbol, sizeof symbol);
        unsigned rank = rank_symbol(&symbol, names, image->names_bytes, address);
        if (rank == 0 || rank < best_rank || (rank == best_rank && symbol.st_value < best_value))
            continue;
        best_rank = rank;
        best_value = symbol.st_value;
        best_name = symbol.st_name;
    }
    if (!best_rank)
        return false;
    copy_name(names, image->names_bytes, best_name, found->name);
    found->offset = address - best_value;
    return found->name[0] != 0;
}
