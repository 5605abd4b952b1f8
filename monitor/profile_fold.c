/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives a profile's addresses names and adds up what has the same ones; see profile_fold.h. Addresses
 * are the guest's word: they are looked up, never followed, but for five bytes of the image before
 * one, which are checked to lie in its text.
 */
#include "profile_fold.h"

#include <stdlib.h>
#include <string.h>

#include "symbols.h"

#define CALL_BYTES 5u /* CALL rel32 */
#define CALL_CODE 0xe8
#define NAMES_MAX 4096u /* a power of two */

struct name {
    uint64_t address; /* 0: free */
    uint64_t start;   /* of the function; 0: not known */
    char text[SYMBOL_NAME_MAX];
};

struct folded {
    char *text; /* owned */
    uint64_t count;
};

struct folder {
    const uint8_t *file;
    const struct elf_image *elf;
    struct name *names; /* a cache: symbols_find goes through the whole table */
    struct folded *stacks;
    size_t count, capacity;
    bool failed;
};

/* The five bytes before `address`, in the image's text, or NULL. */
static const uint8_t *bytes_before(const struct folder *folder, uint64_t address)
{
    for (unsigned i = 0; i < folder->elf->segment_count; i++) {
        const struct elf_segment *segment = &folder->elf->segments[i];
        if (segment->rights == ELF_READ_EXECUTE && address >= segment->address + CALL_BYTES &&
            address - segment->address <= segment->file_bytes)
            return folder->file + segment->file_offset + (address - segment->address) - CALL_BYTES;
    }
    return NULL;
}

/* Our own names have a prefix, and parts of functions that gcc made have a suffix. */
static void make_name(struct name *name, const struct symbol *symbol)
{
    static const char prefix[] = "coracle.";
    static const char *const suffixes[] = {".part.", ".constprop.", ".isra.", ".cold",
                                           ".lto_priv."};
    const char *from = symbol->name;

    if (!strncmp(from, prefix, sizeof prefix - 1) && from[sizeof prefix - 1])
        from += sizeof prefix - 1;
    memcpy(name->text, from, strlen(from) + 1);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char *at = strstr(name->text, suffixes[i]);
        if (at && at != name->text)
            *at = 0;
    }
    for (char *at = name->text; *at; at++)
        if (*at == ';' || *at == ' ')
            *at = '_';
}

static const struct name *find_name(struct folder *folder, uint64_t address)
{
    struct name *name = &folder->names[address * 0x9e3779b97f4a7c15u >> 32 & (NAMES_MAX - 1)];
    struct symbol symbol;

    if (name->address == address && address)
        return name;
    *name = (struct name){.address = address};
    if (symbols_find(folder->file, folder->elf, address, &symbol)) {
        name->start = address - symbol.offset;
        make_name(name, &symbol);
    } else {
        memcpy(name->text, "[unknown]", sizeof "[unknown]");
    }
    return name;
}

/* Whither the direct call before a return address goes; 0: there is none. */
static uint64_t call_target(const struct folder *folder, uint64_t address)
{
    const uint8_t *bytes = bytes_before(folder, address);
    int32_t distance;

    if (!bytes || bytes[0] != CALL_CODE)
        return 0;
    memcpy(&distance, bytes + 1, sizeof distance);
    return address + (uint64_t)(int64_t)distance;
}

/* Does the word on top of the stack name a caller that has no frame between? */
static bool top_is_caller(struct folder *folder, const struct profile_line *line)
{
    uint64_t start = find_name(folder, line->pc)->start;
    uint64_t nearest = line->caller_count ? call_target(folder, line->callers[0]) : 0;

    return line->top && start && call_target(folder, line->top) == start &&
           (!nearest || nearest != start);
}

/* Samples that were late were taken within the kernel, when it unmasked: that part is the profiler's. */
static unsigned drop_own(struct folder *folder, const struct profile_line *line)
{
    for (unsigned i = 0; i < line->caller_count && i < 8; i++)
        if (!strcmp(find_name(folder, line->callers[i] - 1u)->text, "kernel_upcall"))
            return i + 1;
    return 0;
}

static void add_name(struct text *text, const char *name)
{
    text_add(text, ";", 1);
    text_add(text, name, strlen(name));
}

static void write_stack(struct folder *folder, const struct profile_line *line, struct text *text)
{
    unsigned dropped = drop_own(folder, line);

    for (const char *at = line->thread; *at; at++)
        text_add(text, *at == ';' ? "_" : at, 1);
    if (!line->thread[0])
        text_add(text, "thread", 6);
    for (unsigned i = line->caller_count; i > dropped; i--)
        add_name(text, find_name(folder, line->callers[i - 1] - 1u)->text);
    if (dropped)
        return;
    if (top_is_caller(folder, line))
        add_name(text, find_name(folder, line->top - 1u)->text);
    add_name(text, find_name(folder, line->pc)->text);
}

static void add_stack(struct folder *folder, const char *text, uint64_t count)
{
    if (folder->count == folder->capacity) {
        size_t capacity = folder->capacity * 2 + 64;
        struct folded *grown = realloc(folder->stacks, capacity * sizeof *grown);
        if (!grown) {
            folder->failed = true;
            return;
        }
        folder->stacks = grown;
        folder->capacity = capacity;
    }
    char *copy = strdup(text);
    if (copy)
        folder->stacks[folder->count++] = (struct folded){copy, count};
    else
        folder->failed = true;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(((const struct folded *)left)->text, ((const struct folded *)right)->text);
}

static int by_count(const void *left, const void *right)
{
    const struct folded *a = left, *b = right;

    return a->count != b->count ? (a->count < b->count ? 1 : -1) : strcmp(a->text, b->text);
}

/* Adds up equal texts. */
static void merge(struct folder *folder)
{
    size_t kept = 0;

    if (!folder->count)
        return;
    qsort(folder->stacks, folder->count, sizeof *folder->stacks, by_text);
    for (size_t i = 1; i < folder->count; i++) {
        if (!strcmp(folder->stacks[kept].text, folder->stacks[i].text)) {
            folder->stacks[kept].count += folder->stacks[i].count;
            free(folder->stacks[i].text);
        } else {
            folder->stacks[++kept] = folder->stacks[i];
        }
    }
    folder->count = kept + 1;
    qsort(folder->stacks, folder->count, sizeof *folder->stacks, by_count);
}

static enum profile_result read_all(struct folder *folder, struct profile_reader *reader,
                                    uint64_t counts[])
{
    enum profile_result result;
    struct profile_line line;
    struct text text = {0};

    while ((result = profile_read_next(reader, &line)) == PROFILE_OK) {
        counts[line.kind] += line.count;
        if (line.kind != PROFILE_STACK)
            continue;
        text.length = 0;
        write_stack(folder, &line, &text);
        if (!text.failed)
            add_stack(folder, text.bytes, line.count);
        folder->failed = folder->failed || text.failed;
    }
    text_free(&text);
    return result;
}

enum profile_result profile_fold(struct profile_reader *reader, const uint8_t *file,
                                 const struct elf_image *elf, struct text *out)
{
    struct folder folder = {.file = file, .elf = elf};
    uint64_t counts[3] = {0};

    folder.names = calloc(NAMES_MAX, sizeof *folder.names);
    if (!folder.names) {
        out->failed = true;
        return PROFILE_DONE;
    }
    enum profile_result result = read_all(&folder, reader, counts);
    merge(&folder);
    for (size_t i = 0; i < folder.count; i++) {
        text_format(out, "%s %llu\n", folder.stacks[i].text,
                    (unsigned long long)folder.stacks[i].count);
        free(folder.stacks[i].text);
    }
    if (counts[PROFILE_IDLE])
        text_format(out, "[idle] %llu\n", (unsigned long long)counts[PROFILE_IDLE]);
    if (counts[PROFILE_LOST])
        text_format(out, "[lost] %llu\n", (unsigned long long)counts[PROFILE_LOST]);
    out->failed = out->failed || folder.failed;
    free(folder.stacks);
    free(folder.names);
    return result;
}
