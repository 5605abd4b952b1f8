/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH's start info, Linux's zero page and multiboot 2's tags (bootinfo.h). Every field is copied
 * out once, and every length and count bounded, before it is used.
 */
#include "bootinfo.h"

#define PAGE 4096ull
#define TYPE_RAM 1u
#define ENTRIES_MAX 128u /* of a memory map */

#define PVH_MAGIC 0x336ec578u
struct bare_pvh_start {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, cmdline, rsdp, memory_map;
    uint32_t memory_map_count, reserved;
};
_Static_assert(sizeof(struct bare_pvh_start) == 56, "hvm_start_info");

struct bare_pvh_range {
    uint64_t address, bytes;
    uint32_t type, reserved;
};
_Static_assert(sizeof(struct bare_pvh_range) == 24, "hvm_memmap_table_entry");

#define PVH_MODULES_MAX 128u /* that are looked at */
struct bare_pvh_module {
    uint64_t address, bytes, cmdline, reserved;
};
_Static_assert(sizeof(struct bare_pvh_module) == 32, "hvm_modlist_entry");

/* Offsets in the zero page (Linux, Documentation/arch/x86/zero-page.rst). */
#define ZERO_PAGE_BYTES 4096u
#define ZERO_RSDP 0x70u
#define ZERO_RAMDISK_HIGH 0xc0u
#define ZERO_RAMDISK_BYTES_HIGH 0xc4u
#define ZERO_CMDLINE_HIGH 0xc8u
#define ZERO_E820_COUNT 0x1e8u
#define ZERO_BOOT_FLAG 0x1feu
#define ZERO_HEADER 0x202u
#define ZERO_RAMDISK 0x218u
#define ZERO_RAMDISK_BYTES 0x21cu
#define ZERO_CMDLINE 0x228u
#define ZERO_CMDLINE_BYTES 0x238u
#define ZERO_E820 0x2d0u
#define ZERO_E820_MAX 128u
#define E820_ENTRY_BYTES 20u

#define MULTIBOOT_TAG_END 0u
#define MULTIBOOT_TAG_CMDLINE 1u
#define MULTIBOOT_TAG_MODULE 3u
#define MULTIBOOT_TAG_MEMORY_MAP 6u
#define MULTIBOOT_TAG_RSDP_OLD 14u
#define MULTIBOOT_TAG_RSDP_NEW 15u
#define MULTIBOOT_BYTES_MAX (1u << 20)

static uint32_t bare_get32(const uint8_t *at)
{
    uint32_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t bare_get64(const uint8_t *at)
{
    uint64_t value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static void bare_clear(struct bare_info *info)
{
    info->ram_count = 0;
    info->ranges_dropped = false;
    info->module_count = 0;
    info->module_wrong = NULL;
    info->rsdp = 0;
    info->rsdp_is_final = false;
    info->seed = 0;
    info->seed_bytes = 0;
    info->cmdline_bytes = 0;
    info->cmdline_truncated = false;
}

/* ---- the memory map ------------------------------------------------------------------------ */

/* Adds [begin, end), joined with what it overlaps or touches. */
static void bare_ram_add(struct bare_info *info, uint64_t begin, uint64_t end)
{
    unsigned first = 0, last;

    while (first < info->ram_count && info->ram[first].end < begin)
        first++;
    for (last = first; last < info->ram_count && info->ram[last].begin <= end; last++) {
        if (info->ram[last].begin < begin)
            begin = info->ram[last].begin;
        if (info->ram[last].end > end)
            end = info->ram[last].end;
    }
    if (last == first) {
        if (info->ram_count == BARE_RANGES_MAX) {
            info->ranges_dropped = true;
            return;
        }
        for (unsigned i = info->ram_count++; i > first; i--)
            info->ram[i] = info->ram[i - 1];
    } else {
        for (unsigned i = last; i < info->ram_count; i++)
            info->ram[first + 1 + i - last] = info->ram[i];
        info->ram_count -= last - first - 1;
    }
    info->ram[first] = (struct bare_range){begin, end};
}

/* Takes [begin, end) out of the RAM. A piece for which there is no room is left out, too. */
static void bare_ram_remove(struct bare_info *info, uint64_t begin, uint64_t end)
{
    for (unsigned i = 0; i < info->ram_count;) {
        struct bare_range *range = &info->ram[i];
        struct bare_range above = {end, range->end};

        if (range->end <= begin || range->begin >= end) {
            i++;
            continue;
        }
        if (range->begin < begin) {
            range->end = begin;
            i++;
            if (above.begin < above.end)
                bare_ram_add(info, above.begin, above.end);
        } else if (above.begin < above.end) {
            *range = above;
            i++;
        } else {
            info->ram_count--;
            for (unsigned j = i; j < info->ram_count; j++)
                info->ram[j] = info->ram[j + 1];
        }
    }
}

/* One entry of a memory map: RAM in the first pass, what is not RAM in the second. */
static void bare_map_entry(struct bare_info *info, bool ram, uint64_t address, uint64_t bytes,
                           uint32_t type)
{
    uint64_t end;

    if (bytes == 0 || __builtin_add_overflow(address, bytes, &end) || end > UINT64_MAX - PAGE)
        return;
    if (ram && type == TYPE_RAM) {
        address = (address + PAGE - 1) & -PAGE;
        end &= -PAGE;
        if (address < end)
            bare_ram_add(info, address, end);
    } else if (!ram && type != TYPE_RAM) {
        bare_ram_remove(info, address & -PAGE, (end + PAGE - 1) & -PAGE);
    }
}

/* A table of entries that begin with address, bytes and type, `stride` bytes apart. */
static void bare_map_table(struct bare_info *info, const uint8_t *table, unsigned count,
                           unsigned stride)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < count; i++) {
            const uint8_t *entry = table + (size_t)i * stride;

            bare_map_entry(info, pass == 0, bare_get64(entry), bare_get64(entry + 8),
                           bare_get32(entry + 16));
        }
    }
}

/* ---- modules ------------------------------------------------------------------------------- */

static void bare_module_take(struct bare_info *info, uint64_t address, uint64_t bytes)
{
    struct bare_range module = {address, 0};

    if (bytes == 0)
        return;
    if (__builtin_add_overflow(address, bytes, &module.end))
        info->module_wrong = "it does not lie in RAM";
    else if (info->module_count == BARE_MODULES_MAX)
        info->module_wrong = "there are too many";
    else
        info->modules[info->module_count++] = module;
}

static bool bare_in_one_range(const struct bare_info *info, const struct bare_range *module)
{
    for (unsigned i = 0; i < info->ram_count; i++) {
        if (module->begin >= info->ram[i].begin && module->end <= info->ram[i].end)
            return true;
    }
    return false;
}

/* What is wrong with module `index`; those before it are settled, but still in the RAM. */
static const char *bare_module_wrong(const struct bare_info *info, unsigned index,
                                     const struct bare_range *image)
{
    const struct bare_range *module = &info->modules[index];

    if (module->begin == 0 || !bare_in_one_range(info, module))
        return "it does not lie in RAM";
    if ((module->begin & -PAGE) < image->end && module->end > (image->begin & -PAGE))
        return "it lies where the image is";
    for (unsigned i = 0; i < index; i++) {
        if (module->begin < info->modules[i].end && module->end > info->modules[i].begin)
            return "it overlaps another one";
    }
    return NULL;
}

void bare_info_settle_modules(struct bare_info *info, uint64_t image_begin, uint64_t image_end)
{
    struct bare_range image = {image_begin, image_end};
    unsigned kept = 0, count = info->module_count;

    for (unsigned i = 0; i < count; i++) {
        const char *wrong;

        info->modules[kept] = info->modules[i];
        wrong = bare_module_wrong(info, kept, &image);
        if (wrong != NULL)
            info->module_wrong = wrong;
        else
            kept++;
    }
    info->module_count = kept;
    for (unsigned i = 0; i < kept; i++)
        bare_ram_remove(info, info->modules[i].begin & -PAGE,
                        (info->modules[i].end + PAGE - 1) & -PAGE);
}

/* ---- the command line ---------------------------------------------------------------------- */

/* Copies up to `most` bytes and a NUL that begin at `address`. What can be read ends with a page. */
static void bare_cmdline_copy(bare_reader read, uint64_t address, uint32_t most,
                              struct bare_info *info)
{
    uint32_t at = 0;

    if (address == 0)
        return;
    if (most > BARE_CMDLINE_MAX)
        most = BARE_CMDLINE_MAX;
    while (at < most) {
        uint64_t begin = address + at, bytes = PAGE - begin % PAGE;
        const char *text;

        if (bytes > most - at)
            bytes = most - at;
        text = begin >= address ? read(begin, bytes) : NULL;
        if (text == NULL)
            break;
        for (const char *end = text + bytes; text < end; text++) {
            char letter = *text;

            if (letter == '\0')
                return;
            info->cmdline[at] = letter;
            info->cmdline_bytes = ++at;
        }
    }
    info->cmdline_truncated = true;
}

/* ---- the protocols ------------------------------------------------------------------------- */

static void bare_pvh_modules(bare_reader read, uint64_t at, uint32_t count, struct bare_info *info)
{
    for (uint32_t i = 0; i < count && i < PVH_MODULES_MAX; i++) {
        const void *entry = read(at + i * sizeof(struct bare_pvh_module),
                                 sizeof(struct bare_pvh_module));
        struct bare_pvh_module module;

        if (entry == NULL) {
            info->module_wrong = "the list is out of reach";
            return;
        }
        __builtin_memcpy(&module, entry, sizeof(module));
        bare_module_take(info, module.address, module.bytes);
    }
}

const char *bare_info_pvh(bare_reader read, uint64_t start_info, struct bare_info *info)
{
    const void *at = read(start_info, sizeof(struct bare_pvh_start));
    const uint8_t *table;
    struct bare_pvh_start start;

    bare_clear(info);
    if (at == NULL)
        return "PVH: the start info is out of reach";
    __builtin_memcpy(&start, at, sizeof(start));
    if (start.magic != PVH_MAGIC)
        return "PVH: no start info";
    bare_cmdline_copy(read, start.cmdline, BARE_CMDLINE_MAX + 1, info);
    info->rsdp = start.rsdp;
    info->rsdp_is_final = true;
    if (start.version < 1 || start.memory_map_count == 0)
        return "PVH: there is no memory map";
    if (start.memory_map_count > ENTRIES_MAX)
        return "PVH: the memory map is too long";
    table = read(start.memory_map, start.memory_map_count * sizeof(struct bare_pvh_range));
    if (table == NULL)
        return "PVH: the memory map is out of reach";
    bare_map_table(info, table, start.memory_map_count, sizeof(struct bare_pvh_range));
    bare_pvh_modules(read, start.modules, start.module_count, info);
    return NULL;
}

const char *bare_info_linux64(bare_reader read, uint64_t zero_page, struct bare_info *info)
{
    const uint8_t *page = read(zero_page, ZERO_PAGE_BYTES);
    uint32_t most;
    unsigned count;

    bare_clear(info);
    if (page == NULL)
        return "Linux protocol: the zero page is out of reach";
    if (page[ZERO_BOOT_FLAG] != 0x55 || page[ZERO_BOOT_FLAG + 1] != 0xaa ||
        bare_get32(page + ZERO_HEADER) != 0x53726448)
        return "Linux protocol: no zero page";
    most = bare_get32(page + ZERO_CMDLINE_BYTES);
    if (most == 0 || most > BARE_CMDLINE_MAX)
        most = BARE_CMDLINE_MAX;
    bare_cmdline_copy(read,
                      bare_get32(page + ZERO_CMDLINE) |
                          (uint64_t)bare_get32(page + ZERO_CMDLINE_HIGH) << 32,
                      most + 1, info);
    info->rsdp = bare_get64(page + ZERO_RSDP);
    count = page[ZERO_E820_COUNT];
    if (count == 0)
        return "Linux protocol: there is no memory map";
    if (count > ZERO_E820_MAX)
        return "Linux protocol: the memory map is too long";
    bare_map_table(info, page + ZERO_E820, count, E820_ENTRY_BYTES);
    bare_module_take(info,
                     bare_get32(page + ZERO_RAMDISK) |
                         (uint64_t)bare_get32(page + ZERO_RAMDISK_HIGH) << 32,
                     bare_get32(page + ZERO_RAMDISK_BYTES) |
                         (uint64_t)bare_get32(page + ZERO_RAMDISK_BYTES_HIGH) << 32);
    return NULL;
}

/* A tag: `bytes` of it at `at`, header included, which are all readable. */
static const char *bare_multiboot2_tag(uint64_t address, const uint8_t *at, uint32_t bytes,
                                       bare_reader read, struct bare_info *info)
{
    uint32_t stride;

    switch (bare_get32(at)) {
    case MULTIBOOT_TAG_CMDLINE:
        if (bytes > 8)
            bare_cmdline_copy(read, address + 8, bytes - 8, info);
        break;
    case MULTIBOOT_TAG_MODULE: /* begin and end, then a string that nobody wants */
        if (bytes < 16 || bare_get32(at + 12) < bare_get32(at + 8))
            info->module_wrong = "its tag is malformed";
        else
            bare_module_take(info, bare_get32(at + 8), bare_get32(at + 12) - bare_get32(at + 8));
        break;
    case MULTIBOOT_TAG_RSDP_OLD: /* a copy of the table: it lies where the copy lies */
    case MULTIBOOT_TAG_RSDP_NEW:
        if (bytes > 8 && (info->rsdp == 0 || bare_get32(at) == MULTIBOOT_TAG_RSDP_NEW))
            info->rsdp = address + 8;
        break;
    case MULTIBOOT_TAG_MEMORY_MAP:
        if (bytes < 16 || (stride = bare_get32(at + 8)) < 24 || stride > bytes)
            return "multiboot 2: the memory map is malformed";
        if ((bytes - 16) / stride > ENTRIES_MAX)
            return "multiboot 2: the memory map is too long";
        bare_map_table(info, at + 16, (bytes - 16) / stride, stride);
        break;
    }
    return NULL;
}

const char *bare_info_multiboot2(bare_reader read, uint64_t information, struct bare_info *info)
{
    const uint8_t *head = read(information, 8);
    uint32_t total, at = 8;

    bare_clear(info);
    if (information == 0 || head == NULL)
        return "multiboot 2: the information is out of reach";
    total = bare_get32(head);
    if (total < 16 || total > MULTIBOOT_BYTES_MAX)
        return "multiboot 2: the information is malformed";
    while (at <= total - 8) {
        const uint8_t *tag = read(information + at, 8);
        const char *error;
        uint32_t type, bytes;

        if (tag == NULL)
            return "multiboot 2: a tag is out of reach";
        type = bare_get32(tag);
        bytes = bare_get32(tag + 4);
        if (type == MULTIBOOT_TAG_END)
            break;
        if (bytes < 8 || bytes > total - at)
            return "multiboot 2: a tag is malformed";
        tag = read(information + at, bytes);
        if (tag == NULL)
            return "multiboot 2: a tag is out of reach";
        error = bare_multiboot2_tag(information + at, tag, bytes, read, info);
        if (error != NULL)
            return error;
        at += (bytes + 7) & ~7u;
    }
    return info->ram_count > 0 ? NULL : "multiboot 2: there is no memory map";
}
