/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strict ELF loader's reading half: pure code over a buffer, no system calls, so that the unit
 * tests and the fuzzer run it as it is. What it accepts is ABI.md, "Image". image.c maps the
 * result.
 */
#ifndef MONITOR_ELF_H
#define MONITOR_ELF_H

#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 16u
#define ELF_ERROR_MAX 160u
#define ELF_ADDRESS_MAX (1ull << 38) /* no image reaches beyond 256 GiB */

enum elf_rights { ELF_READ, ELF_READ_WRITE, ELF_READ_EXECUTE };

struct elf_segment {
    uint64_t address; /* guest-physical; congruent to file_offset modulo the page size */
    uint64_t memory_bytes;
    uint64_t file_offset;
    uint64_t file_bytes; /* the rest of the memory is zeros */
    enum elf_rights rights;
};

struct elf_image {
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* ascending, no page in two of them */
    unsigned segment_count;
    uint32_t abi_version;
    uint64_t entry;            /* of the native interface */
    uint64_t elf_entry;        /* the header's: of the Linux 64-bit protocol */
    uint64_t memory_min_bytes; /* from PVN_RAM_BASE; at least what the segments need */
    uint64_t image_end;        /* first address after the image, page-aligned */
    /* The symbol table, all zero where there is none; checked against the file's size. */
    uint64_t symbols_offset, symbol_count;
    uint64_t names_offset, names_bytes;
};

/*
 * Reads the image in file[0..file_bytes). Returns 0, or -ENOEXEC with one line in `error` that says
 * what is wrong with the file (without the file's name).
 */
int elf_parse(const uint8_t *file, uint64_t file_bytes, struct elf_image *image,
              char error[ELF_ERROR_MAX]);

/*
 * Copies the first `bytes` bytes of a note's contents. 1, or 0 when there is no such note (or what
 * holds it is not sound).
 */
int elf_find_note(const uint8_t *file, uint64_t file_bytes, const char *name, uint32_t type,
                  void *to, size_t bytes);

/* The contents of a section, within the file, or NULL. */
const uint8_t *elf_find_section(const uint8_t *file, uint64_t file_bytes, const char *name,
                                uint64_t *bytes);

#endif
