/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/elf.c monitor/symbols.c */
/* The strict ELF reader: a sound image is taken as it is, and each lie in it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>

#include "elf.h"
#include "pvabi/native.h"
#include "symbols.h"

#define LOADS 3
#define NOTE_AT 0x404u /* so that what follows the name is aligned */
#define SECTIONS_AT 0x500u
#define SYMBOLS_AT 0x700u
#define NAMES_AT 0x800u
#define FILE_BYTES 0x4000u

/* A file as the linker makes it: text, constants, data with zeros behind, a note, symbols. It lies
 * in memory of exactly its size, so that the sanitizer sees every byte read beyond it. */
struct file {
    uint8_t *bytes;
    Elf64_Ehdr *header;
    Elf64_Phdr *loads; /* LOADS of them, then the note */
    struct pvn_note *note;
    Elf64_Shdr *sections; /* none, symbols, names */
    Elf64_Sym *symbols;
};

static struct file file;
static struct elf_image image;
static char error[ELF_ERROR_MAX];

static void set_load(unsigned index, uint32_t flags, uint64_t address, uint64_t offset,
                     uint64_t file_bytes, uint64_t memory_bytes)
{
    file.loads[index] = (Elf64_Phdr){.p_type = PT_LOAD,
                                     .p_flags = flags,
                                     .p_offset = offset,
                                     .p_vaddr = address,
                                     .p_paddr = address,
                                     .p_filesz = file_bytes,
                                     .p_memsz = memory_bytes};
}

static void set_note(void)
{
    Elf64_Nhdr head = {.n_namesz = 8, .n_descsz = sizeof(struct pvn_note), .n_type = PVN_NOTE_TYPE};
    memcpy(file.bytes + NOTE_AT, &head, sizeof head);
    memcpy(file.bytes + NOTE_AT + sizeof head, "Coracle", 8);
    file.note = (void *)(file.bytes + NOTE_AT + sizeof head + 8);
    *file.note = (struct pvn_note){
        .abi_version = PVN_ABI_VERSION, .entry = 0x100010, .memory_min_bytes = 0x8000};
    file.loads[LOADS] = (Elf64_Phdr){.p_type = PT_NOTE,
                                     .p_flags = PF_R,
                                     .p_offset = NOTE_AT,
                                     .p_filesz = sizeof head + 8 + sizeof(struct pvn_note)};
}

static void set_symbols(void)
{
    file.sections = (void *)(file.bytes + SECTIONS_AT);
    file.sections[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                                    .sh_offset = SYMBOLS_AT,
                                    .sh_size = 4 * sizeof(Elf64_Sym),
                                    .sh_link = 2,
                                    .sh_entsize = sizeof(Elf64_Sym)};
    file.sections[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = NAMES_AT, .sh_size = 17};
    memcpy(file.bytes + NAMES_AT, "\0main\0\033evil\0.L1\0", 17);
    file.symbols = (void *)(file.bytes + SYMBOLS_AT);
    file.symbols[1] = (Elf64_Sym){.st_name = 1,
                                  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                  .st_shndx = 1,
                                  .st_value = 0x100100,
                                  .st_size = 0x20};
    file.symbols[2] = (Elf64_Sym){.st_name = 6,
                                  .st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE),
                                  .st_shndx = 1,
                                  .st_value = 0x100200};
    file.symbols[3] = (Elf64_Sym){.st_name = 12,
                                  .st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE),
                                  .st_shndx = 1,
                                  .st_value = 0x100208};
}

static int setup(void **state)
{
    (void)state;
    file.bytes = calloc(1, FILE_BYTES);
    file.header = (void *)file.bytes;
    file.loads = (void *)(file.bytes + sizeof(Elf64_Ehdr));
    *file.header = (Elf64_Ehdr){.e_type = ET_EXEC,
                                .e_machine = EM_X86_64,
                                .e_version = EV_CURRENT,
                                .e_phoff = sizeof(Elf64_Ehdr),
                                .e_phnum = LOADS + 1,
                                .e_ehsize = sizeof(Elf64_Ehdr),
                                .e_phentsize = sizeof(Elf64_Phdr),
                                .e_shoff = SECTIONS_AT,
                                .e_shnum = 3,
                                .e_shentsize = sizeof(Elf64_Shdr)};
    memcpy(file.header->e_ident, ELFMAG, SELFMAG);
    file.header->e_ident[EI_CLASS] = ELFCLASS64;
    file.header->e_ident[EI_DATA] = ELFDATA2LSB;
    /* Not in ascending order: the reader sorts. */
    set_load(0, PF_R | PF_W, 0x104008, 0x3008, 0x100, 0x5000);
    set_load(1, PF_R | PF_X, 0x100000, 0x1000, 0x1234, 0x1234);
    set_load(2, PF_R, 0x102000, 0x2000, 0x200, 0x200);
    set_note();
    set_symbols();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file.bytes);
    return 0;
}

static int parse(uint64_t bytes)
{
    return elf_parse(file.bytes, bytes, &image, error);
}

static void refuse(const char *reason)
{
    assert_int_equal(parse(FILE_BYTES), -ENOEXEC);
    if (!strstr(error, reason))
        fail_msg("\"%s\" does not say \"%s\"", error, reason);
}

static void test_takes_a_sound_image(void **state)
{
    (void)state;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.segments[0].address, 0x100000);
    assert_int_equal(image.segments[0].rights, ELF_READ_EXECUTE);
    assert_int_equal(image.segments[1].rights, ELF_READ);
    assert_int_equal(image.segments[2].rights, ELF_READ_WRITE);
    assert_int_equal(image.segments[2].file_bytes, 0x100);
    assert_int_equal(image.segments[2].memory_bytes, 0x5000);
    assert_int_equal(image.entry, 0x100010);
    assert_int_equal(image.image_end, 0x10a000);
    /* The note asks for less than the segments need. */
    assert_int_equal(image.memory_min_bytes, 0xa000);
    file.note->memory_min_bytes = 0x123456;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_int_equal(image.memory_min_bytes, 0x124000);
}

static void test_refuses_other_files(void **state)
{
    (void)state;
    file.header->e_ident[0] = 'x';
    refuse("not an ELF file");
    file.header->e_ident[0] = ELFMAG[0];
    file.header->e_ident[EI_CLASS] = ELFCLASS32;
    refuse("not a 64-bit");
    file.header->e_ident[EI_CLASS] = ELFCLASS64;
    file.header->e_machine = EM_AARCH64;
    refuse("not a 64-bit x86");
    file.header->e_machine = EM_X86_64;
    file.header->e_type = ET_DYN;
    refuse("fixed addresses");
    file.header->e_type = ET_EXEC;
    file.loads[0].p_type = PT_INTERP;
    refuse("dynamically linked");
}

/* Whatever is cut off, nothing beyond the end is read; and what is left is refused or sound. */
static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < FILE_BYTES; bytes += bytes < 0x900 ? 1 : 61) {
        uint8_t *cut = malloc(bytes ? bytes : 1);
        memcpy(cut, file.bytes, bytes);
        int result = elf_parse(cut, bytes, &image, error);
        assert_true(result == -ENOEXEC || (result == 0 && bytes >= 0x3108));
        assert_true(result == 0 || error[0] != 0);
        free(cut);
    }
}

static void test_refuses_bad_headers(void **state)
{
    (void)state;
    file.header->e_phentsize = 32;
    refuse("program headers");
    file.header->e_phentsize = sizeof(Elf64_Phdr);
    file.header->e_phnum = 0;
    refuse("program headers");
    file.header->e_phnum = 65;
    refuse("program headers");
    file.header->e_phnum = LOADS + 1;
    file.header->e_phoff = UINT64_MAX - 10;
    refuse("truncated");
}

static void test_refuses_bad_segments(void **state)
{
    (void)state;
    set_load(1, PF_R | PF_W | PF_X, 0x100000, 0x1000, 0x1234, 0x1234);
    refuse("writable and executable");
    set_load(1, PF_X, 0x100000, 0x1000, 0x1234, 0x1234);
    refuse("not readable");
    set_load(1, PF_R | PF_X, 0x100000, 0x3000, 0x1001, 0x1001);
    refuse("outside the file");
    set_load(1, PF_R | PF_X, 0x100000, UINT64_MAX - 0xfff, 0x1234, 0x1234);
    refuse("outside the file");
    set_load(1, PF_R | PF_X, 0x100000, 0x1000, 0x1234, 0x1233);
    refuse("larger in the file");
    set_load(1, PF_R | PF_X, 0x100000, 0x1000, 0x1234, 0x2000);
    refuse("not wholly in the file");
    set_load(1, PF_R | PF_X, 0xff000, 0x1000, 0x1234, 0x1234);
    refuse("below");
    set_load(0, PF_R | PF_W, 0x104000, 0x3000, 0x100, UINT64_MAX - 0x1000);
    set_load(1, PF_R | PF_X, 0x100000, 0x1000, 0x1234, 0x1234);
    refuse("too large");
    set_load(0, PF_R | PF_W, UINT64_MAX - 0xfff, 0x3000, 0x100, 0x100);
    refuse("too large");
    set_load(0, PF_R | PF_W, 0x104000, 0x3008, 0x100, 0x100);
    refuse("misaligned");
    set_load(0, PF_R | PF_W, 0x104000, 0x3000, 0x100, 0x100);
    file.loads[0].p_paddr += 0x1000;
    refuse("different virtual and physical");
}

static void test_refuses_shared_pages(void **state)
{
    (void)state;
    set_load(0, PF_R | PF_W, 0x101800, 0x3800, 0x100, 0x100);
    refuse("share a page"); /* the text ends at 0x101234 */
    set_load(0, PF_R | PF_W, 0x100100, 0x3100, 0x10, 0x10);
    refuse("share a page");
    set_load(0, PF_R | PF_W, 0x103000, 0x3000, 0x100, 0x100);
    assert_int_equal(parse(FILE_BYTES), 0);
}

static void test_counts_segments(void **state)
{
    /* The headers move behind the rest, where there is room for many. */
    Elf64_Phdr *headers = (void *)(file.bytes + 0x3200);

    (void)state;
    file.header->e_phoff = 0x3200;
    for (unsigned i = 0; i < ELF_SEGMENTS_MAX + 1; i++)
        headers[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                                  .p_flags = i ? PF_R | PF_W : PF_R | PF_X,
                                  .p_offset = 0x1000,
                                  .p_vaddr = 0x100000 + i * 0x1000,
                                  .p_paddr = 0x100000 + i * 0x1000,
                                  .p_filesz = 0x20,
                                  .p_memsz = 0x20};
    headers[ELF_SEGMENTS_MAX + 1] = file.loads[LOADS];
    file.header->e_phnum = ELF_SEGMENTS_MAX + 2;
    refuse("more than");
    headers[3].p_memsz = headers[3].p_filesz = 0; /* an empty one does not count */
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_int_equal(image.segment_count, ELF_SEGMENTS_MAX);
}

static void test_refuses_bad_notes(void **state)
{
    uint32_t *head = (void *)(file.bytes + NOTE_AT);

    (void)state;
    file.note->abi_version = 2;
    refuse("version 2");
    file.note->abi_version = PVN_ABI_VERSION;
    file.note->entry = 0x102000;
    refuse("entry");
    file.note->entry = 0x101234; /* just behind the text */
    refuse("entry");
    file.note->entry = 0x100000;
    file.note->memory_min_bytes = 1ull << 50;
    refuse("asks for");
    file.note->memory_min_bytes = 0;
    file.bytes[NOTE_AT + 12] = 'X';
    refuse("no Coracle note");
    file.bytes[NOTE_AT + 12] = 'C';
    head[1] = 8;
    refuse("note has 8 bytes");
    head[1] = 0xfffffff0;
    refuse("runs past");
    head[0] = 0xffffffff;
    refuse("runs past");
    file.loads[LOADS].p_filesz = UINT64_MAX;
    refuse("outside the file");
    file.loads[LOADS].p_type = PT_NULL;
    refuse("no Coracle note");
}

static void test_finds_symbols(void **state)
{
    struct symbol symbol;

    (void)state;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_true(symbols_find(file.bytes, &image, 0x100100, &symbol));
    assert_string_equal(symbol.name, "main");
    assert_int_equal(symbol.offset, 0);
    assert_true(symbols_find(file.bytes, &image, 0x10011f, &symbol));
    assert_int_equal(symbol.offset, 0x1f);
    assert_false(symbols_find(file.bytes, &image, 0x100120, &symbol)); /* behind its end */
    assert_false(symbols_find(file.bytes, &image, 0x1000ff, &symbol));
    /* A label without a size; its name is made printable; the local label is passed over. */
    assert_true(symbols_find(file.bytes, &image, 0x100210, &symbol));
    assert_string_equal(symbol.name, "?evil");
    assert_int_equal(symbol.offset, 0x10);
}

/* A function's name stands for all of it, whether it has a size or, as newlib's memcpy, only a global
 * name; the labels within are its own business. */
static void test_inner_labels_name_no_function(void **state)
{
    struct symbol symbol;

    (void)state;
    assert_int_equal(parse(FILE_BYTES), 0);
    file.symbols[3].st_name = 7; /* "evil": no compiler's label */
    file.symbols[3].st_value = 0x100110;
    assert_true(symbols_find(file.bytes, &image, 0x100118, &symbol));
    assert_string_equal(symbol.name, "main");
    assert_int_equal(symbol.offset, 0x18);
    file.symbols[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
    file.symbols[3].st_value = 0x100210;
    assert_true(symbols_find(file.bytes, &image, 0x100218, &symbol));
    assert_string_equal(symbol.name, "?evil");
    assert_int_equal(symbol.offset, 0x18);
}

/* The last name has no end: it is cut at the table's, which is the file's. */
static void test_name_at_the_end(void **state)
{
    struct symbol symbol;

    (void)state;
    file.sections[2].sh_offset = FILE_BYTES - 4;
    file.sections[2].sh_size = 4;
    memcpy(file.bytes + FILE_BYTES - 4, "tail", 4);
    file.symbols[1].st_name = 1;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_true(symbols_find(file.bytes, &image, 0x100100, &symbol));
    assert_string_equal(symbol.name, "ail");
}

static void test_passes_over_bad_symbols(void **state)
{
    struct symbol symbol;

    (void)state;
    file.symbols[1].st_name = 0xffffff;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_false(symbols_find(file.bytes, &image, 0x100100, &symbol));
    file.sections[2].sh_offset = FILE_BYTES - 1;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_int_equal(image.symbol_count, 0);
    file.sections[1].sh_size = UINT64_MAX;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_int_equal(image.symbol_count, 0);
    file.header->e_shoff = UINT64_MAX - 3;
    assert_int_equal(parse(FILE_BYTES), 0);
    assert_int_equal(image.symbol_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_takes_a_sound_image),  TEST(test_every_truncation),
        TEST(test_refuses_bad_headers),  TEST(test_refuses_bad_segments),
        TEST(test_refuses_shared_pages), TEST(test_counts_segments),
        TEST(test_refuses_bad_notes),    TEST(test_finds_symbols),
        TEST(test_name_at_the_end),      TEST(test_passes_over_bad_symbols),
        TEST(test_refuses_other_files),  TEST(test_inner_labels_name_no_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
