/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI's tables, without an interpreter (acpi.h). Section numbers are those of ACPI 6.5. */
#include "acpi.h"

#define TABLE_HEADER_BYTES BARE_ACPI_HEADER_BYTES
#define TABLE_BYTES_MAX (1u << 20)
#define TABLES_MAX 64u
#define RSDP_BYTES_OLD 20u
#define RSDP_BYTES 36u
#define RSDP_SIGNATURE 0x2052545020445352ull /* "RSD PTR " */

#define MADT_ENTRIES 44u
#define MADT_IOAPIC 1u
#define MADT_OVERRIDE 2u
#define MCFG_ENTRIES 44u
#define MCFG_ENTRY_BYTES 16u

/* Offsets in the FADT (5.2.9). */
#define FADT_DSDT 40u
#define FADT_PM1A_CONTROL 64u
#define FADT_PM1B_CONTROL 68u
#define FADT_FLAGS 112u
#define FADT_RESET 116u
#define FADT_RESET_VALUE 128u
#define FADT_X_DSDT 140u
#define FADT_SLEEP_CONTROL 244u
#define FADT_FLAG_RESET (1u << 10)
#define FADT_FLAG_REDUCED (1u << 20)

#define AML_NAME 0x08u
#define AML_PACKAGE 0x12u
#define AML_BYTE 0x0au
#define AML_WORD 0x0bu
#define AML_ZERO 0x00u
#define AML_ONE 0x01u

static uint16_t bare_acpi16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t bare_acpi32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t bare_acpi64(const uint8_t *at)
{
    return bare_acpi32(at) | (uint64_t)bare_acpi32(at + 4) << 32;
}

/* Are the bytes zero in sum, modulo 256? Eight at once first: their low seven bits are added, which
 * carries into none of the others, and the highest ones without carry. */
static bool bare_acpi_sum(const uint8_t *at, uint32_t bytes)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7full;
    const uint8_t *end = at + bytes;
    uint64_t sums = 0;
    uint8_t sum = 0;

    for (const uint8_t *words_end = at + (bytes & ~7u); at < words_end; at += 8) {
        uint64_t word = bare_acpi64(at);

        sums = ((sums & low) + (word & low)) ^ ((sums ^ word) & ~low);
    }
    while (at < end)
        sum = (uint8_t)(sum + *at++);
    for (; sums != 0; sums >>= 8)
        sum = (uint8_t)(sum + sums);
    return sum == 0;
}

static bool bare_acpi_is(const uint8_t *at, const char *signature)
{
    for (unsigned i = 0; signature[i] != '\0'; i++) {
        if (at[i] != (uint8_t)signature[i])
            return false;
    }
    return true;
}

const uint8_t *bare_acpi_table(bare_reader read, uint64_t address, uint32_t *bytes)
{
    const uint8_t *at = address != 0 ? read(address, TABLE_HEADER_BYTES) : NULL;

    if (at == NULL)
        return NULL;
    *bytes = bare_acpi32(at + 4);
    if (*bytes < TABLE_HEADER_BYTES || *bytes > TABLE_BYTES_MAX)
        return NULL;
    at = read(address, *bytes);
    return at != NULL && bare_acpi_sum(at, *bytes) ? at : NULL;
}

static void bare_acpi_madt(const uint8_t *table, uint32_t bytes, struct bare_acpi *out)
{
    for (uint32_t at = MADT_ENTRIES; at < bytes && bytes - at >= 2;) {
        const uint8_t *entry = table + at;
        uint8_t length = entry[1];

        if (length < 2 || length > bytes - at)
            return;
        if (entry[0] == MADT_IOAPIC && length >= 12 && out->ioapic_count < BARE_IOAPICS_MAX) {
            out->ioapics[out->ioapic_count].address = bare_acpi32(entry + 4);
            out->ioapics[out->ioapic_count].first_line = bare_acpi32(entry + 8);
            out->ioapic_count++;
        } else if (entry[0] == MADT_OVERRIDE && length >= 10 &&
                   out->override_count < BARE_OVERRIDES_MAX) {
            uint16_t flags = bare_acpi16(entry + 8);

            out->overrides[out->override_count].isa = entry[3];
            out->overrides[out->override_count].line = bare_acpi32(entry + 4);
            out->overrides[out->override_count].active_low = (flags & 3) == 3;
            out->overrides[out->override_count].says_trigger = (flags >> 2 & 3) != 0;
            out->overrides[out->override_count].level = (flags >> 2 & 3) == 3;
            out->override_count++;
        }
        at += length;
    }
}

static void bare_acpi_mcfg(const uint8_t *table, uint32_t bytes, struct bare_acpi *out)
{
    for (uint32_t at = MCFG_ENTRIES;
         at < bytes && bytes - at >= MCFG_ENTRY_BYTES && out->ecam_count < BARE_ECAMS_MAX;
         at += MCFG_ENTRY_BYTES) {
        out->ecams[out->ecam_count].address = bare_acpi64(table + at);
        out->ecams[out->ecam_count].segment = bare_acpi16(table + at + 8);
        out->ecams[out->ecam_count].bus_first = table[at + 10];
        out->ecams[out->ecam_count].bus_last = table[at + 11];
        if (table[at + 10] <= table[at + 11])
            out->ecam_count++;
    }
}

/* One number of a package: a constant or a byte; advances *at, false when it is something else. */
static bool bare_aml_number(const uint8_t *aml, uint32_t bytes, uint32_t *at, uint8_t *value)
{
    if (*at >= bytes)
        return false;
    switch (aml[(*at)++]) {
    case AML_ZERO:
        *value = 0;
        return true;
    case AML_ONE:
        *value = 1;
        return true;
    case AML_BYTE:
        if (*at >= bytes)
            return false;
        *value = aml[(*at)++];
        return true;
    case AML_WORD:
        if (bytes - *at < 2)
            return false;
        *value = aml[*at];
        *at += 2;
        return true;
    default:
        return false;
    }
}

/* Name (\_S5, Package () {a, b, ...}) (7.4.2) */
bool bare_acpi_s5(bare_reader read, const struct bare_acpi *acpi, struct bare_sleep_types *out)
{
    uint32_t bytes = 0;
    const uint8_t *aml = bare_acpi_table(read, acpi->dsdt, &bytes);

    if (aml == NULL)
        return false;
    for (uint32_t i = TABLE_HEADER_BYTES + 2; i < bytes && bytes - i >= 8; i++) {
        uint32_t at = i + 4;

        if (!bare_acpi_is(aml + i, "_S5_") || aml[at] != AML_PACKAGE ||
            !(aml[i - 1] == AML_NAME || (aml[i - 2] == AML_NAME && aml[i - 1] == '\\')))
            continue;
        at++;
        at += 1u + (aml[at] >> 6); /* the package's length, 1 to 4 bytes */
        at++;                      /* the number of elements */
        if (bare_aml_number(aml, bytes, &at, &out->a) && bare_aml_number(aml, bytes, &at, &out->b))
            return true;
    }
    return false;
}

static struct bare_register bare_acpi_register(const uint8_t *at)
{
    return (struct bare_register){.space = at[0], .bits = at[1], .address = bare_acpi64(at + 4)};
}

static void bare_acpi_fadt(const uint8_t *table, uint32_t bytes, struct bare_acpi *out)
{
    uint32_t flags;

    if (bytes < FADT_FLAGS + 4)
        return;
    flags = bare_acpi32(table + FADT_FLAGS);
    out->hardware_reduced = (flags & FADT_FLAG_REDUCED) != 0;
    if (!out->hardware_reduced) {
        out->pm1a = (struct bare_register){1, 16, bare_acpi32(table + FADT_PM1A_CONTROL)};
        out->pm1b = (struct bare_register){1, 16, bare_acpi32(table + FADT_PM1B_CONTROL)};
    }
    if (bytes > FADT_RESET_VALUE && flags & FADT_FLAG_RESET) {
        out->reset = bare_acpi_register(table + FADT_RESET);
        out->reset_value = table[FADT_RESET_VALUE];
    }
    if (bytes >= FADT_SLEEP_CONTROL + 12)
        out->sleep_control = bare_acpi_register(table + FADT_SLEEP_CONTROL);
    out->dsdt = bare_acpi32(table + FADT_DSDT);
    if (bytes >= FADT_X_DSDT + 8 && bare_acpi64(table + FADT_X_DSDT) != 0)
        out->dsdt = bare_acpi64(table + FADT_X_DSDT);
}

static void bare_acpi_one(bare_reader read, uint64_t address, struct bare_acpi *out)
{
    uint32_t bytes;
    const uint8_t *table = bare_acpi_table(read, address, &bytes);

    if (table == NULL)
        return;
    if (bare_acpi_is(table, "APIC"))
        bare_acpi_madt(table, bytes, out);
    else if (bare_acpi_is(table, "MCFG"))
        bare_acpi_mcfg(table, bytes, out);
    else if (bare_acpi_is(table, "FACP"))
        bare_acpi_fadt(table, bytes, out);
    else if (bare_acpi_is(table, "SSDT") && out->ssdt_count < BARE_SSDTS_MAX)
        out->ssdts[out->ssdt_count++] = address;
}

void bare_acpi_parse(bare_reader read, uint64_t rsdp, struct bare_acpi *out)
{
    const uint8_t *at = rsdp != 0 ? read(rsdp, RSDP_BYTES_OLD) : NULL;
    const uint8_t *root = NULL;
    unsigned entry_bytes = 4;
    uint32_t bytes;

    if (at == NULL || bare_acpi64(at) != RSDP_SIGNATURE || !bare_acpi_sum(at, RSDP_BYTES_OLD))
        return;
    if (at[15] >= 2 && (at = read(rsdp, RSDP_BYTES)) != NULL && bare_acpi64(at + 24) != 0) {
        root = bare_acpi_table(read, bare_acpi64(at + 24), &bytes);
        entry_bytes = 8;
    }
    if (root == NULL && (at = read(rsdp, RSDP_BYTES_OLD)) != NULL) {
        root = bare_acpi_table(read, bare_acpi32(at + 16), &bytes);
        entry_bytes = 4;
    }
    if (root == NULL || !bare_acpi_is(root, entry_bytes == 8 ? "XSDT" : "RSDT"))
        return;
    out->found = true;
    for (uint32_t i = 0; i < (bytes - TABLE_HEADER_BYTES) / entry_bytes && i < TABLES_MAX; i++) {
        const uint8_t *entry = root + TABLE_HEADER_BYTES + i * entry_bytes;

        bare_acpi_one(read, entry_bytes == 8 ? bare_acpi64(entry) : bare_acpi32(entry), out);
    }
}

uint64_t bare_acpi_search(bare_reader read, uint64_t begin, uint64_t end)
{
    const uint8_t *area;

    begin = (begin + 15) & -16ull;
    area = begin < end ? read(begin, end - begin) : NULL;
    for (uint64_t at = 0; area != NULL && end - begin - at >= RSDP_BYTES_OLD; at += 16) {
        if (bare_acpi64(area + at) == RSDP_SIGNATURE && bare_acpi_sum(area + at, RSDP_BYTES_OLD))
            return begin + at;
    }
    return 0;
}

struct bare_aml_line bare_acpi_line(const struct bare_acpi *acpi, struct bare_aml_line line)
{
    for (unsigned i = 0; i < acpi->override_count && line.is_isa; i++) {
        if (acpi->overrides[i].isa != line.line)
            continue;
        line.line = acpi->overrides[i].line;
        line.is_isa = false;
        line.active_low = acpi->overrides[i].active_low;
        if (acpi->overrides[i].says_trigger)
            line.level = acpi->overrides[i].level;
    }
    return line;
}
