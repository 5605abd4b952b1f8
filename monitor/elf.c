/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads an image's ELF headers, segments, note and symbol table out of an untrusted buffer. Every
 * header is copied before it is checked; no pointer into the buffer is formed before its bounds
 * are known. Relies on nothing but the C library.
 */
#include "elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pvabi/native.h"

#define PROGRAM_HEADERS_MAX 64u
#define NOTES_MAX 64u

struct reader {
    const uint8_t *file;
    uint64_t file_bytes;
    char *error;
};

static int fail(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->error, ELF_ERROR_MAX, format, arguments);
    va_end(arguments);
    return -ENOEXEC;
}

static bool within(uint64_t offset, uint64_t bytes, uint64_t limit)
{
    return offset <= limit && bytes <= limit - offset;
}

static uint64_t page_down(uint64_t value)
{
    return value & ~(PVN_PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t value)
{
    return page_down(value + PVN_PAGE_SIZE - 1);
}

/* Copies a structure out of the file; false if it does not lie inside. */
static bool copy_out(const struct reader *reader, uint64_t offset, void *to, size_t bytes)
{
    if (!within(offset, bytes, reader->file_bytes))
        return false;
    memcpy(to, reader->file + offset, bytes);
    return true;
}

static int read_header(struct reader *reader, Elf64_Ehdr *header)
{
    char magic[SELFMAG];

    if (!copy_out(reader, 0, magic, sizeof magic) || memcmp(magic, ELFMAG, SELFMAG) != 0)
        return fail(reader, "not an ELF file");
    if (!copy_out(reader, 0, header, sizeof *header))
        return fail(reader, "truncated: the ELF header does not fit in %" PRIu64 " bytes",
                    reader->file_bytes);
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64)
        return fail(reader, "not a 64-bit x86 ELF file");
    if (header->e_type != ET_EXEC)
        return fail(reader, "not a statically linked executable with fixed addresses (type %u)",
                    header->e_type);
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
        header->e_phnum > PROGRAM_HEADERS_MAX)
        return fail(reader, "%u program headers of %u bytes (1 to %u of %zu are allowed)",
                    header->e_phnum, header->e_phentsize, PROGRAM_HEADERS_MAX, sizeof(Elf64_Phdr));
    if (!within(header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr),
                reader->file_bytes))
        return fail(reader, "truncated: the program headers lie outside the file");
    return 0;
}

static int check_segment(struct reader *reader, unsigned number, const Elf64_Phdr *header,
                         struct elf_segment *segment)
{
    bool writable = header->p_flags & PF_W, executable = header->p_flags & PF_X;

    if (writable && executable)
        return fail(reader, "segment %u is both writable and executable", number);
    if (!(header->p_flags & PF_R))
        return fail(reader, "segment %u is not readable", number);
    if (!within(header->p_offset, header->p_filesz, reader->file_bytes))
        return fail(reader, "truncated: segment %u lies outside the file", number);
    if (header->p_filesz > header->p_memsz)
        return fail(reader, "segment %u is larger in the file than in memory", number);
    if (!writable && header->p_filesz != header->p_memsz)
        return fail(reader, "segment %u is read-only and not wholly in the file", number);
    if (header->p_vaddr != header->p_paddr)
        return fail(reader, "segment %u has different virtual and physical addresses", number);
    if (header->p_vaddr < PVN_RAM_BASE)
        return fail(reader, "segment %u at 0x%" PRIx64 " lies below 0x%llx, where RAM begins",
                    number, header->p_vaddr, PVN_RAM_BASE);
    if (!within(header->p_vaddr, header->p_memsz, ELF_ADDRESS_MAX))
        return fail(reader, "segment %u is too large: 0x%" PRIx64 " bytes at 0x%" PRIx64, number,
                    header->p_memsz, header->p_vaddr);
    if (header->p_vaddr % PVN_PAGE_SIZE != header->p_offset % PVN_PAGE_SIZE)
        return fail(reader,
                    "segment %u is misaligned: address 0x%" PRIx64 ", file offset 0x%" PRIx64,
                    number, header->p_vaddr, header->p_offset);
    *segment = (struct elf_segment){
        .address = header->p_vaddr,
        .memory_bytes = header->p_memsz,
        .file_offset = header->p_offset,
        .file_bytes = header->p_filesz,
        .rights = executable ? ELF_READ_EXECUTE
                  : writable ? ELF_READ_WRITE
                             : ELF_READ,
    };
    return 0;
}

/* Keeps the segments in ascending order, so that overlaps are found between neighbours. */
static void insert_segment(struct elf_image *image, const struct elf_segment *segment)
{
    unsigned at = image->segment_count++;
    for (; at > 0 && image->segments[at - 1].address > segment->address; at--)
        image->segments[at] = image->segments[at - 1];
    image->segments[at] = *segment;
}

static int check_overlaps(struct reader *reader, const struct elf_image *image)
{
    for (unsigned i = 1; i < image->segment_count; i++) {
        const struct elf_segment *low = &image->segments[i - 1], *high = &image->segments[i];
        if (page_up(low->address + low->memory_bytes) > page_down(high->address))
            return fail(reader, "the segments at 0x%" PRIx64 " and 0x%" PRIx64 " share a page",
                        low->address, high->address);
    }
    return 0;
}

struct wanted_note {
    const char *name;
    uint32_t type;
    void *to;
    size_t bytes; /* what is copied to `to` */
};

/* Takes a note out of one PT_NOTE segment; 1 if it was there, 0 if not. */
static int find_note(struct reader *reader, const Elf64_Phdr *header,
                     const struct wanted_note *wanted)
{
    size_t wanted_bytes = strlen(wanted->name) + 1;
    char name[16];
    uint64_t at = header->p_offset, end = header->p_offset + header->p_filesz;

    if (!within(header->p_offset, header->p_filesz, reader->file_bytes))
        return fail(reader, "truncated: the notes lie outside the file");
    for (unsigned i = 0; i < NOTES_MAX && end - at >= sizeof(Elf64_Nhdr); i++) {
        Elf64_Nhdr head;
        copy_out(reader, at, &head, sizeof head);
        at += sizeof head;
        uint64_t name_bytes = ((uint64_t)head.n_namesz + 3) & ~3ull;
        uint64_t desc_bytes = ((uint64_t)head.n_descsz + 3) & ~3ull;
        if (name_bytes > end - at || desc_bytes > end - at - name_bytes)
            return fail(reader, "a note runs past its segment");
        if (head.n_namesz == wanted_bytes && head.n_type == wanted->type &&
            wanted_bytes <= sizeof name && copy_out(reader, at, name, wanted_bytes) &&
            !memcmp(name, wanted->name, wanted_bytes)) {
            if (head.n_descsz < wanted->bytes)
                return fail(reader, "the %s note has %u bytes instead of %zu", wanted->name,
                            head.n_descsz, wanted->bytes);
            copy_out(reader, at + name_bytes, wanted->to, wanted->bytes);
            return 1;
        }
        at += name_bytes + desc_bytes;
    }
    return 0;
}

static int read_program_headers(struct reader *reader, const Elf64_Ehdr *header,
                                struct elf_image *image, struct pvn_note *note)
{
    const struct wanted_note ours = {PVN_NOTE_NAME, PVN_NOTE_TYPE, note, sizeof *note};
    bool noted = false;

    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr program;
        struct elf_segment segment;
        int result;
        copy_out(reader, header->e_phoff + i * sizeof program, &program, sizeof program);
        if (program.p_type == PT_INTERP || program.p_type == PT_DYNAMIC)
            return fail(reader, "a dynamically linked program, not an image");
        if (program.p_type == PT_NOTE && !noted) {
            result = find_note(reader, &program, &ours);
            if (result < 0)
                return result;
            noted = result;
        }
        if (program.p_type != PT_LOAD || program.p_memsz == 0)
            continue;
        if (image->segment_count == ELF_SEGMENTS_MAX)
            return fail(reader, "more than %u segments", ELF_SEGMENTS_MAX);
        result = check_segment(reader, i, &program, &segment);
        if (result)
            return result;
        insert_segment(image, &segment);
    }
    if (!noted)
        return fail(reader, "no Coracle note: not an image of Coracle's native interface");
    if (image->segment_count == 0)
        return fail(reader, "nothing to load");
    return check_overlaps(reader, image);
}

static int check_note(struct reader *reader, const struct pvn_note *note, struct elf_image *image)
{
    const struct elf_segment *last = &image->segments[image->segment_count - 1];
    bool executable = false;

    if (note->abi_version != PVN_ABI_VERSION)
        return fail(reader, "built for version %u of the native interface, this monitor speaks %u",
                    note->abi_version, PVN_ABI_VERSION);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (segment->rights == ELF_READ_EXECUTE && note->entry >= segment->address &&
            note->entry - segment->address < segment->memory_bytes)
            executable = true;
    }
    if (!executable)
        return fail(reader, "the entry 0x%" PRIx64 " is not in an executable segment", note->entry);
    if (note->memory_min_bytes > ELF_ADDRESS_MAX)
        return fail(reader, "the image asks for 0x%" PRIx64 " bytes of memory",
                    note->memory_min_bytes);
    image->abi_version = note->abi_version;
    image->entry = note->entry;
    image->image_end = page_up(last->address + last->memory_bytes);
    image->memory_min_bytes = page_up(note->memory_min_bytes);
    if (image->memory_min_bytes < image->image_end - PVN_RAM_BASE)
        image->memory_min_bytes = image->image_end - PVN_RAM_BASE;
    return 0;
}

/* Symbols serve crash reports only: a table that is not sound is passed over. */
static void find_symbols(const struct reader *reader, const Elf64_Ehdr *header,
                         struct elf_image *image)
{
    if (header->e_shentsize != sizeof(Elf64_Shdr))
        return;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        Elf64_Shdr table, names;
        if (!copy_out(reader, header->e_shoff + (uint64_t)i * sizeof table, &table, sizeof table))
            return;
        if (table.sh_type != SHT_SYMTAB)
            continue;
        if (table.sh_entsize != sizeof(Elf64_Sym) || table.sh_link >= header->e_shnum ||
            !within(table.sh_offset, table.sh_size, reader->file_bytes) ||
            !copy_out(reader, header->e_shoff + (uint64_t)table.sh_link * sizeof names, &names,
                      sizeof names) ||
            names.sh_type != SHT_STRTAB ||
            !within(names.sh_offset, names.sh_size, reader->file_bytes))
            return;
        image->symbols_offset = table.sh_offset;
        image->symbol_count = table.sh_size / sizeof(Elf64_Sym);
        image->names_offset = names.sh_offset;
        image->names_bytes = names.sh_size;
        return;
    }
}

int elf_parse(const uint8_t *file, uint64_t file_bytes, struct elf_image *image,
              char error[ELF_ERROR_MAX])
{
    struct reader reader = {file, file_bytes, error};
    struct pvn_note note = {0};
    Elf64_Ehdr header;

    *image = (struct elf_image){0};
    error[0] = 0;
    int result = read_header(&reader, &header);
    if (!result)
        result = read_program_headers(&reader, &header, image, &note);
    if (!result)
        result = check_note(&reader, &note, image);
    if (result)
        return result;
    image->elf_entry = header.e_entry;
    find_symbols(&reader, &header, image);
    return 0;
}

int elf_find_note(const uint8_t *file, uint64_t file_bytes, const char *name, uint32_t type,
                  void *to, size_t bytes)
{
    char error[ELF_ERROR_MAX];
    struct reader reader = {file, file_bytes, error};
    const struct wanted_note wanted = {name, type, to, bytes};
    Elf64_Ehdr header;

    if (read_header(&reader, &header))
        return 0;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr program;
        copy_out(&reader, header.e_phoff + i * sizeof program, &program, sizeof program);
        if (program.p_type == PT_NOTE && find_note(&reader, &program, &wanted) > 0)
            return 1;
    }
    return 0;
}

/* Section number `index`, which must have its contents in the file. */
static bool read_section(const struct reader *reader, const Elf64_Ehdr *header, unsigned index,
                         Elf64_Shdr *section)
{
    return index < header->e_shnum &&
           copy_out(reader, header->e_shoff + (uint64_t)index * sizeof *section, section,
                    sizeof *section) &&
           section->sh_type != SHT_NOBITS &&
           within(section->sh_offset, section->sh_size, reader->file_bytes);
}

const uint8_t *elf_find_section(const uint8_t *file, uint64_t file_bytes, const char *name,
                                uint64_t *bytes)
{
    char error[ELF_ERROR_MAX];
    struct reader reader = {file, file_bytes, error};
    uint64_t name_bytes = strlen(name) + 1;
    Elf64_Shdr names, section;
    Elf64_Ehdr header;

    if (read_header(&reader, &header) || header.e_shentsize != sizeof section ||
        !read_section(&reader, &header, header.e_shstrndx, &names))
        return NULL;
    for (unsigned i = 0; i < header.e_shnum; i++) {
        if (!read_section(&reader, &header, i, &section) ||
            !within(section.sh_name, name_bytes, names.sh_size) ||
            memcmp(file + names.sh_offset + section.sh_name, name, name_bytes) != 0)
            continue;
        *bytes = section.sh_size;
        return file + section.sh_offset;
    }
    return NULL;
}
