/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the native boot record to the one boot record: checks what the monitor handed over and takes
 * it apart. Runs once, on the boot stack, before there is a canary; called through probe.c.
 */
#include "arch/arch.h"
#include "arch/bootrec.h"
#include "arch/pvclock.h"
#include "platform.h"
#include "pvabi/errno.h"

uint16_t native_hypercall_port, native_doorbell_port;
struct pvn_vcpu *native_vcpu;

/* The clock page begins with a pvclock. */
_Static_assert(offsetof(struct pvn_clock, vm_generation) == sizeof(struct pvclock), "clock page");
_Static_assert(offsetof(struct pvn_clock, wall_version) == offsetof(struct pvclock, wall_version),
               "clock page");
/* entry.S cannot include the header and repeats these. */
_Static_assert(sizeof(PVN_NOTE_NAME) == sizeof("Coracle") && PVN_NOTE_TYPE == 1 &&
                   PVN_ABI_VERSION == 1,
               "note");
_Static_assert(BOOTREC_SEED_BYTES == PVN_SEED_BYTES, "seed");
_Static_assert((int)PV_STAMP_ENTRY == (int)PVN_STAMP_ENTRY &&
                   (int)PV_STAMP_PLATFORM == (int)PVN_STAMP_PLATFORM &&
                   (int)PV_STAMP_MEMORY == (int)PVN_STAMP_MEMORY &&
                   (int)PV_STAMP_DEVICES == (int)PVN_STAMP_DEVICES &&
                   (int)PV_STAMP_NETWORK == (int)PVN_STAMP_NETWORK &&
                   (int)PV_STAMP_MAIN == (int)PVN_STAMP_MAIN &&
                   (int)PV_STAMP_EXIT == (int)PVN_STAMP_EXIT &&
                   (int)PV_STAMP_COUNT == (int)PVN_STAMP_COUNT,
               "stamps are written where the monitor reads them");

void native_start(const struct pvn_boot *boot) __attribute__((noreturn));

EARLY void native_start(const struct pvn_boot *boot)
{
    pv_start(PV_ENTRY_NATIVE, boot);
}

/* Ends the VM when the record is wrong: nothing that it says can be used, except the port. */
static EARLY void require(bool condition, const char *message)
{
    if (!condition)
        native_platform.crash(message, NULL);
}

/* Does [offset, offset + bytes) lie in the record? */
static EARLY bool within(const struct pvn_boot *boot, uint32_t offset, uint64_t bytes)
{
    return offset >= sizeof(*boot) && offset <= boot->bytes && bytes <= boot->bytes - offset;
}

/* Are there `count` strings in [offset, offset + bytes), and nothing else? */
static EARLY bool holds_strings(const struct pvn_boot *boot, uint32_t count, uint32_t offset,
                                uint32_t bytes)
{
    const char *text = (const char *)boot + offset;
    uint32_t ends = 0;

    if (bytes == 0)
        return count == 0;
    if (!within(boot, offset, bytes) || text[bytes - 1] != '\0')
        return false;
    for (uint32_t i = 0; i < bytes; i++)
        ends += text[i] == '\0';
    return ends == count;
}

static EARLY void memory_take(const struct pvn_boot *boot, struct bootrec *record)
{
    uint64_t end = boot->ram_base + boot->ram_bytes;

    require(boot->ram_base == PVN_RAM_BASE && boot->ram_bytes % PVN_PAGE_SIZE == 0 &&
                end > boot->ram_base && boot->image_end % PVN_PAGE_SIZE == 0 &&
                boot->image_end > boot->ram_base && boot->image_end <= end,
            "boot record: RAM and image do not fit");
    record->ram_bytes = boot->ram_bytes;
    record->ram_is_zero = true;
    record->ram[0] = (struct bootrec_range){boot->image_end, end};
    record->ram_count = boot->image_end < end;
}

static EARLY void strings_take(const struct pvn_boot *boot, struct bootrec *record)
{
    require(holds_strings(boot, boot->arg_count, boot->arg_offset, boot->arg_bytes) &&
                holds_strings(boot, boot->env_count, boot->env_offset, boot->env_bytes),
            "boot record: arguments or environment are malformed");
    record->args = (const char *)boot + boot->arg_offset;
    record->arg_count = boot->arg_count;
    record->arg_bytes = boot->arg_bytes;
    record->env = (const char *)boot + boot->env_offset;
    record->env_count = boot->env_count;
    record->env_bytes = boot->env_bytes;
}

static EARLY void cpu_take(const struct pvn_cpu_x86_64 *cpu)
{
    arch_cpu_info.xcr0 = cpu->xcr0;
    arch_cpu_info.xsave_bytes = cpu->xsave_bytes;
    arch_cpu_info.has_rdrand = (cpu->features & PVN_CPU_RDRAND) != 0;
    arch_cpu_info.has_rdseed = (cpu->features & PVN_CPU_RDSEED) != 0;
    arch_cpu_info.has_xsaveopt = (cpu->features & PVN_CPU_XSAVEOPT) != 0;
}

static EARLY void devices_take(const struct pvn_boot *boot)
{
    uint32_t count = boot->device_count, stride = boot->device_bytes;

    if (count == 0)
        return;
    require(count <= PVN_DEVICES_MAX && stride >= sizeof(struct pvn_device) && stride % 8u == 0 &&
                boot->device_offset % 8u == 0 &&
                within(boot, boot->device_offset, (uint64_t)count * stride),
            "boot record: the device table is malformed");
    native_devices_find((const char *)boot + boot->device_offset, count, stride);
}

static EARLY int native_boot(enum pv_entry entry, const void *argument, struct bootrec *record)
{
    const struct pvn_boot *boot = argument;

    (void)entry;
    if (boot->magic != PVN_BOOT_MAGIC)
        return -ENODEV;
    if (boot->features & PVN_FEATURE_STAMPS) {
        pv_stamps = ((struct pvn_stamps *)boot->stamps)->cycles;
        pv_stamps[PV_STAMP_ENTRY] = arch_cycles();
    }
    native_hypercall_port = boot->cpu.x86_64.hypercall_port;
    native_doorbell_port = boot->cpu.x86_64.doorbell_port;
    require(boot->version >= PVN_ABI_VERSION && boot->bytes >= offsetof(struct pvn_boot, stamps),
            "boot record: this version of the ABI is not known");
    require(boot->clock != 0 && boot->vcpu != 0 && boot->vcpu_count != 0,
            "boot record: clock or vCPU is missing");

    native_vcpu = (struct pvn_vcpu *)boot->vcpu;
    pv_upcall = (struct pv_upcall *)(void *)native_vcpu;
    pv_clock = (const struct pvclock *)boot->clock;
    record->seed = (uint8_t *)boot->seed;
    record->profile_hz = boot->profile_hz;
    if (boot->features & PVN_FEATURE_POLL)
        record->poll_ns = boot->poll_ns;
    memory_take(boot, record);
    strings_take(boot, record);
    cpu_take(&boot->cpu.x86_64);
    devices_take(boot);
    return 0;
}

const struct pv_hypervisor native_hypervisor = {
    .entries = 1u << PV_ENTRY_NATIVE,
    .platform = &native_platform,
    .start = native_boot,
    .devices = native_devices,
};
