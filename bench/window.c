/* SPDX-License-Identifier: BSD-2-Clause */
/* See window.h. */
#include "window.h"

#include <stdlib.h>
#include <string.h>

static uint64_t begin_address, end_address, low_address, high_address = UINT64_MAX;
static const char *target;
static enum { BEFORE, BETWEEN, AFTER } phase;

bool window_take(const char *option)
{
    static const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"begin=", &begin_address},
                   {"end=", &end_address},
                   {"low=", &low_address},
                   {"high=", &high_address}};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        size_t length = strlen(numbers[i].name);
        if (!strncmp(option, numbers[i].name, length)) {
            *numbers[i].value = strtoull(option + length, NULL, 0);
            return true;
        }
    }
    if (strncmp(option, "to=", 3) != 0)
        return false;
    target = strdup(option + 3);
    return true;
}

bool window_is_set(void)
{
    return begin_address && end_address && target;
}

bool window_has(uint64_t address)
{
    return (address >= low_address && address < high_address) || address == end_address;
}

bool window_is_open(void)
{
    return phase == BETWEEN;
}

void window_end(void (*write)(FILE *file))
{
    FILE *file = fopen(target, "we");
    bool failed = !file;

    phase = AFTER;
    if (file) {
        write(file);
        failed = ferror(file);
        if (fclose(file))
            failed = true;
    }
    if (failed) {
        perror(target);
        exit(1);
    }
}

bool window_execute(uint64_t address, void (*write)(FILE *file))
{
    if (phase == BEFORE && address == begin_address)
        phase = BETWEEN;
    if (phase != BETWEEN)
        return false;
    if (address != end_address)
        return true;
    window_end(write);
    return false;
}
