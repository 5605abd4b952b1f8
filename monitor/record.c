/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the boot record (ABI.md, "Boot record"): header, device table, then the strings. */
#include "record.h"

#include <sched.h>
#include <string.h>

#include "board.h"
#include "vm.h"

static uint64_t strings_bytes(const char *const *strings, unsigned count)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += strlen(strings[i]) + 1;
    return bytes;
}

static const char *const *arguments(const struct vm *vm)
{
    return (const char *const *)vm->options->args;
}

uint64_t record_bytes(const struct vm *vm)
{
    const struct options *options = vm->options;
    return sizeof(struct pvn_boot) + board_device_count(vm->board) * sizeof(struct pvn_device) +
           strings_bytes(arguments(vm), options->arg_count) +
           strings_bytes(options->env, options->env_count);
}

static uint32_t put_strings(uint8_t *to, const char *const *strings, unsigned count)
{
    uint8_t *at = to;
    for (unsigned i = 0; i < count; i++) {
        size_t bytes = strlen(strings[i]) + 1;
        memcpy(at, strings[i], bytes);
        at += bytes;
    }
    return (uint32_t)(at - to);
}

/* Solid-state disks answer within a millisecond, also when many requests are on their way. On one CPU
 * the guest would take from the disk's backend the time that it needs to answer. */
#define POLL_US 2000u

static uint32_t poll_ns(const struct options *options)
{
    uint32_t us = options->poll_us;
    cpu_set_t cpus;

    /* An error says that the host has more CPUs than a set holds. */
    if (us == OPTIONS_POLL_US_OWN)
        us = sched_getaffinity(0, sizeof cpus, &cpus) || CPU_COUNT(&cpus) > 1 ? POLL_US : 0;
    return us * 1000u;
}

void record_build(struct vm *vm)
{
    const struct options *options = vm->options;
    const struct layout *layout = &vm->layout;
    uint8_t *base = vm->memory.host + (layout->record - vm->memory.base);
    struct pvn_boot *record = (struct pvn_boot *)(void *)base;
    unsigned device_count = board_device_count(vm->board);

    *record = (struct pvn_boot){
        .magic = PVN_BOOT_MAGIC,
        .version = PVN_ABI_VERSION,
        .ram_base = PVN_RAM_BASE,
        .ram_bytes = vm->memory.ram_bytes,
        .image_end = vm->image.elf.image_end,
        .clock = layout->clock,
        .seed = layout->seed,
        .vcpu = layout->vcpu,
        .vcpu_count = 1,
        .arg_count = options->arg_count,
        .env_count = options->env_count,
        .device_count = device_count,
        .device_offset = sizeof *record,
        .device_bytes = sizeof(struct pvn_device),
        .profile_hz = options->profile ? options->profile_hz : 0,
        .cpu.x86_64 = vm->cpu,
        .features = PVN_FEATURE_POLL | (layout->stamps ? PVN_FEATURE_STAMPS : 0),
        .stamps = layout->stamps,
        .poll_ns = poll_ns(options),
    };
    board_build(vm->board, &vm->memory, layout,
                (struct pvn_device *)(void *)(base + record->device_offset));
    record->arg_offset = record->device_offset + device_count * record->device_bytes;
    record->arg_bytes = put_strings(base + record->arg_offset, arguments(vm), options->arg_count);
    record->env_offset = record->arg_offset + record->arg_bytes;
    record->env_bytes = put_strings(base + record->env_offset, options->env, options->env_count);
    record->bytes = record->env_offset + record->env_bytes;
}
