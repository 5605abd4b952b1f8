/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire structures and numbers of the native ABI, version 1: what the monitor and a guest
 * share. pvabi/ABI.md is the text that governs them. Included by the guest's native platform and
 * by the monitor; fixed-width fields only; structures grow at the end and nowhere else.
 */
#ifndef PVABI_NATIVE_H
#define PVABI_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#define PVN_ABI_VERSION 1u

/* The ELF note by which an image says that it speaks this ABI (ABI.md, "Image"). */
#define PVN_NOTE_NAME "Coracle"
#define PVN_NOTE_TYPE 1u

struct pvn_note {
    uint32_t abi_version;      /* PVN_ABI_VERSION */
    uint32_t reserved;         /* zero */
    uint64_t entry;            /* guest-physical address of the first instruction */
    uint64_t memory_min_bytes; /* least RAM, from PVN_RAM_BASE, that the image starts with */
};

/* RAM begins here: everything below, page 0 included, is never mapped. */
#define PVN_RAM_BASE 0x100000ull
#define PVN_PAGE_SIZE 4096ull

/* Hypercalls: number in RAX, arguments in RDI, RSI, R8, result in RAX (zero or more, or a negative
 * errno); made by a 32-bit OUT to the port that the boot record names. All other registers are
 * preserved. */
enum pvn_hypercall {
    PVN_HC_EXIT = 0,    /* (status): ends the VM; does not return */
    PVN_HC_WAIT = 1,    /* (deadline_ns): until an event is pending or system time reaches it */
    PVN_HC_WRITE = 2,   /* (channel, address, length): returns the number of bytes written */
    PVN_HC_TIMER = 3,   /* (deadline_ns): raises PVN_EVENT_TIMER then; PVN_NO_DEADLINE disarms */
    PVN_HC_PROTECT = 4, /* (address, length, rights): whole pages of RAM */
    PVN_HC_DISCARD = 5, /* (address, length): whole pages of RAM; they read as zeros afterwards */
    PVN_HC_CRASH = 6,   /* (address, length, frame): the kernel's last words; does not return */
    PVN_HC_COUNT = 7,
};

#define PVN_NO_DEADLINE UINT64_MAX

enum pvn_channel { PVN_STDOUT = 0, PVN_STDERR = 1, PVN_LOG = 2 };
#define PVN_WRITE_MAX 65536u /* bytes in one PVN_HC_WRITE or PVN_HC_CRASH */

enum pvn_rights { PVN_NONE = 0, PVN_READ = 1, PVN_READ_WRITE = 2 };

/* The exit status carried out of the VM is the low eight bits. */
#define PVN_STATUS_MASK 0xffu

/* Events: bits in pvn_vcpu.events. */
#define PVN_EVENT_WORDS 4u
#define PVN_EVENT_TIMER 0u
#define PVN_EVENT_SYSTEM 1u /* the device table or the generation of the VM changed */
#define PVN_EVENT_DEVICE 2u /* the first one given to a queue or a device's configuration */
#define PVN_EVENT_NONE 0xffffu

/*
 * One page a vCPU, written by both sides. `pending` and `mask` are what an upcall looks at first;
 * the rest is written by the guest before it unmasks for the first time.
 */
struct pvn_vcpu {
    uint8_t upcall_pending; /* set by the monitor after a bit in events[]; cleared by the guest */
    uint8_t upcall_mask;    /* non-zero: no upcall; set by the monitor when it enters one */
    uint8_t reserved0[6];
    uint64_t events[PVN_EVENT_WORDS]; /* set by the monitor, taken by the guest, both atomically */
    uint64_t upcall_entry;            /* 0: the guest wants no upcalls */
    uint64_t restart_begin;           /* the restartable range: [begin, end) */
    uint64_t restart_end;
    uint64_t restart_entry; /* where an upcall inside the range is entered, with ... */
    uint64_t restart_sp;    /* ... this stack pointer */
};

/* What an upcall finds at its stack pointer. It lies 128 bytes below the interrupted one. */
struct pvn_upcall_frame {
    uint64_t rflags;
    uint64_t rip;
};
#define PVN_RED_ZONE 128u

/* The clock page: read-only for the guest. Times are nanoseconds; system time starts at 0 with the
 * VM. Layout and reading protocol of both parts are those of pvclock. */
struct pvn_clock {
    uint32_t version; /* odd while an update is in progress */
    uint32_t reserved0;
    uint64_t tsc_timestamp;
    uint64_t system_time_ns;
    uint32_t tsc_to_system_mul; /* ns = ((tsc << shift) * mul) >> 32 */
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t reserved1[2];
    uint32_t wall_version; /* odd while an update is in progress */
    uint32_t wall_sec;     /* wall time at system time 0 */
    uint32_t wall_nsec;
    uint32_t wall_sec_high;
    uint64_t vm_generation; /* changes when this VM is a clone or was restored */
};

/* Devices. Types, features, configuration and request formats are those of virtio 1.2. */
#define PVN_QUEUES_MAX 4u
#define PVN_DEVICES_MAX 32u

struct pvn_queue {
    uint64_t desc;   /* guest-physical addresses of the three parts of the split virtqueue; */
    uint64_t driver; /* they lie outside RAM, are given by the monitor and start as zeros   */
    uint64_t device;
    uint16_t size;     /* descriptors, a power of two */
    uint16_t event;    /* raised for a used buffer */
    uint32_t doorbell; /* value to write to the doorbell port */
};

/* Written by the guest: once, `features`, then `status`, before the first doorbell. */
struct pvn_device_control {
    uint64_t features; /* the subset of the offered ones that the driver uses */
    uint32_t status;   /* PVN_DEVICE_DRIVER_OK */
    uint32_t reserved0;
};
#define PVN_DEVICE_DRIVER_OK 4u

/* How a network device's addresses come to the guest; all zero where the guest asks DHCP. IPv4
 * addresses are in network byte order. */
struct pvn_net_address {
    uint8_t ip4[4];
    uint8_t gateway4[4];
    uint8_t dns4[4];
    uint8_t prefix4; /* 1 to 32; 0: no IPv4 address is given */
    uint8_t reserved0[3];
};

struct pvn_device {
    uint16_t type;  /* virtio device id: 1 net, 2 block, 3 console */
    uint16_t index; /* among those of its type, from 0 */
    uint16_t queue_count;
    uint16_t config_event; /* raised when the configuration changes, or PVN_EVENT_NONE */
    uint64_t features;     /* offered */
    uint64_t control;      /* address of struct pvn_device_control, writable */
    uint64_t config;       /* address of the device's configuration, read-only */
    uint32_t config_bytes;
    uint32_t config_generation; /* changes with the configuration */
    struct pvn_queue queues[PVN_QUEUES_MAX];
    struct pvn_net_address net; /* of network devices */
};

/* CPU facts, so that nobody executes CPUID. */
#define PVN_CPU_RDRAND (1u << 0)
#define PVN_CPU_RDSEED (1u << 1)
#define PVN_CPU_XSAVEOPT (1u << 2)

struct pvn_cpu_x86_64 {
    uint64_t xcr0;           /* state components that XSAVE keeps */
    uint32_t xsave_bytes;    /* size of the XSAVE area for them, standard format */
    uint32_t features;       /* PVN_CPU_* */
    uint16_t hypercall_port; /* 32-bit OUT */
    uint16_t doorbell_port;  /* 32-bit OUT of a doorbell's number */
    uint32_t tsc_khz;
};

/* The boot record: read-only for the guest, its address in RDI at the entry point. Offsets count
 * from the record's own first byte. */
#define PVN_BOOT_MAGIC 0x656c6361726f4355ull
struct pvn_boot {
    uint64_t magic;
    uint32_t version;  /* PVN_ABI_VERSION */
    uint32_t bytes;    /* of the record with all that the offsets name */
    uint64_t features; /* of the ABI: PVN_FEATURE_* */
    uint64_t ram_base; /* PVN_RAM_BASE */
    uint64_t ram_bytes;
    uint64_t image_end;  /* first byte after the image, page-aligned; RAM from here on is zeros */
    uint64_t clock;      /* address of struct pvn_clock */
    uint64_t seed;       /* address of 32 random bytes on a writable page */
    uint64_t vcpu;       /* address of the first struct pvn_vcpu; they lie one page apart */
    uint32_t vcpu_count; /* 1 */
    uint32_t arg_count;
    uint32_t arg_offset; /* NUL-terminated strings, one after the other; the image's name first */
    uint32_t arg_bytes;
    uint32_t env_count;
    uint32_t env_offset; /* NAME=VALUE strings, likewise */
    uint32_t env_bytes;
    uint32_t device_count;
    uint32_t device_offset; /* struct pvn_device, device_bytes apart */
    uint32_t device_bytes;
    uint32_t device_generation; /* changes with the device table */
    uint32_t profile_hz;        /* samples a second that the guest is to take of itself; 0: none */
    union {
        struct pvn_cpu_x86_64 x86_64;
        uint8_t size[64];
    } cpu;
    uint64_t stamps; /* with PVN_FEATURE_STAMPS: address of struct pvn_stamps, writable */
    /* With PVN_FEATURE_POLL, advice: look so long for a disk's answer before WAIT; 0: not at all. */
    uint32_t poll_ns;
    uint32_t reserved; /* 0 */
};
#define PVN_SEED_BYTES 32u

/* In pvn_boot.features. */
#define PVN_FEATURE_STAMPS 1ull /* somebody wants to know when the guest got how far */
#define PVN_FEATURE_POLL 2ull   /* poll_ns is there */

/* When the guest got how far, as RDTSC tells it; 0: not yet, or there was no such step. */
enum pvn_stamp {
    PVN_STAMP_ENTRY,    /* the boot record was found */
    PVN_STAMP_PLATFORM, /* the hypervisor's interface is ready: the kernel begins */
    PVN_STAMP_MEMORY,   /* memory and random numbers are */
    PVN_STAMP_DEVICES,  /* disks and file systems are */
    PVN_STAMP_NETWORK,  /* network interfaces are up */
    PVN_STAMP_MAIN,     /* main is called */
    PVN_STAMP_EXIT,     /* the program has ended */
    PVN_STAMP_COUNT
};

struct pvn_stamps {
    uint64_t cycles[PVN_STAMP_COUNT];
};

#define PVN_ASSERT_AT(type, field, offset) \
    _Static_assert(offsetof(struct type, field) == (offset), #type "." #field " moved")
_Static_assert(sizeof(struct pvn_note) == 24, "pvn_note");
PVN_ASSERT_AT(pvn_note, entry, 8);
PVN_ASSERT_AT(pvn_note, memory_min_bytes, 16);
_Static_assert(sizeof(struct pvn_vcpu) == 80, "pvn_vcpu");
PVN_ASSERT_AT(pvn_vcpu, upcall_mask, 1);
PVN_ASSERT_AT(pvn_vcpu, events, 8);
PVN_ASSERT_AT(pvn_vcpu, upcall_entry, 40);
PVN_ASSERT_AT(pvn_vcpu, restart_begin, 48);
PVN_ASSERT_AT(pvn_vcpu, restart_end, 56);
PVN_ASSERT_AT(pvn_vcpu, restart_entry, 64);
PVN_ASSERT_AT(pvn_vcpu, restart_sp, 72);
_Static_assert(sizeof(struct pvn_upcall_frame) == 16, "pvn_upcall_frame");
_Static_assert(sizeof(struct pvn_clock) == 56, "pvn_clock");
PVN_ASSERT_AT(pvn_clock, wall_version, 32);
PVN_ASSERT_AT(pvn_clock, vm_generation, 48);
_Static_assert(sizeof(struct pvn_queue) == 32, "pvn_queue");
PVN_ASSERT_AT(pvn_queue, size, 24);
PVN_ASSERT_AT(pvn_queue, doorbell, 28);
_Static_assert(sizeof(struct pvn_device_control) == 16, "pvn_device_control");
_Static_assert(sizeof(struct pvn_net_address) == 16, "pvn_net_address");
_Static_assert(sizeof(struct pvn_device) == 184, "pvn_device");
PVN_ASSERT_AT(pvn_device, features, 8);
PVN_ASSERT_AT(pvn_device, control, 16);
PVN_ASSERT_AT(pvn_device, config, 24);
PVN_ASSERT_AT(pvn_device, config_bytes, 32);
PVN_ASSERT_AT(pvn_device, queues, 40);
PVN_ASSERT_AT(pvn_device, net, 168);
_Static_assert(sizeof(struct pvn_cpu_x86_64) == 24, "pvn_cpu_x86_64");
_Static_assert(sizeof(struct pvn_boot) == 200, "pvn_boot");
PVN_ASSERT_AT(pvn_boot, ram_base, 24);
PVN_ASSERT_AT(pvn_boot, clock, 48);
PVN_ASSERT_AT(pvn_boot, vcpu_count, 72);
PVN_ASSERT_AT(pvn_boot, arg_offset, 80);
PVN_ASSERT_AT(pvn_boot, device_offset, 104);
PVN_ASSERT_AT(pvn_boot, cpu, 120);
PVN_ASSERT_AT(pvn_boot, stamps, 184);
PVN_ASSERT_AT(pvn_boot, poll_ns, 192);
_Static_assert(sizeof(struct pvn_stamps) == 56, "pvn_stamps");

#endif
