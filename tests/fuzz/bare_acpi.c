/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/bare/acpi.c */
/* Any memory as ACPI's tables. So that checksums do not stop every input, a table's sum is put
 * right when its header is read. */
#include "pvabi/bare/acpi.h"
#include "tests/unit/support/bare_memory.h"

static void must(int holds)
{
    if (!holds)
        abort();
}

static const void *read_summed(uint64_t address, uint64_t bytes)
{
    uint64_t at = address - MEMORY_BASE;
    const uint8_t *copy = memory_read(address, bytes);
    uint32_t length;
    uint8_t sum = 0;

    if (copy == NULL)
        return NULL;
    if (bytes == 20) {
        for (unsigned i = 0; i < 20; i++)
            sum = (uint8_t)(sum + memory.bytes[at + i]);
        memory.bytes[at + 8] = (uint8_t)(memory.bytes[at + 8] - sum);
    } else if (bytes == 36) {
        memcpy(&length, copy + 4, 4);
        if (length <= memory.size - at && length >= 36) {
            for (uint32_t i = 0; i < length; i++)
                sum = (uint8_t)(sum + memory.bytes[at + i]);
            memory.bytes[at + 9] = (uint8_t)(memory.bytes[at + 9] - sum);
        }
    }
    return memory_read(address, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct bare_acpi acpi = {0};
    struct bare_sleep_types s5;

    memory.size = bytes;
    memory.bytes = malloc(bytes + 1);
    memcpy(memory.bytes, data, bytes);
    bare_acpi_search(read_summed, MEMORY_BASE, MEMORY_BASE + (bytes < 64 ? bytes : 64));
    bare_acpi_parse(read_summed, MEMORY_BASE, &acpi);
    bare_acpi_s5(read_summed, &acpi, &s5);
    must(acpi.ioapic_count <= BARE_IOAPICS_MAX && acpi.override_count <= BARE_OVERRIDES_MAX &&
         acpi.ecam_count <= BARE_ECAMS_MAX);
    memory_forget();
    free(memory.bytes);
    return 0;
}
