/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Talks to /dev/kvm while a VM is set up. What is asked for here is little on purpose: each call
 * is paid at every start. See kvm.h.
 */
#include "kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpuid_table.h"
#include "say.h"
#include "stubs.h"

#define MSR_TSC 0x10u

static int complain(const char *what)
{
    int error = errno;
    say("KVM: %s: %s", what, strerror(error));
    return -error;
}

static int open_device(struct kvm *kvm)
{
    kvm->system = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm->system >= 0)
        return 0;
    int error = errno;
    if (error == EACCES || error == EPERM)
        say("/dev/kvm: %s; your user needs access to it (often: the group kvm)", strerror(error));
    else
        say("/dev/kvm: %s; this machine needs virtualization switched on and the kvm module loaded",
            strerror(error));
    return -error;
}

int kvm_open(struct kvm *kvm)
{
    *kvm = (struct kvm){.system = -1, .vm = -1, .vcpu = -1};
    int result = open_device(kvm);
    if (result)
        return result;
    kvm->vm = ioctl(kvm->system, KVM_CREATE_VM, 0);
    return kvm->vm < 0 ? complain("no virtual machine") : 0;
}

int kvm_add_memory(struct kvm *kvm, const struct guest_memory *memory)
{
    struct kvm_userspace_memory_region region = {
        .slot = 0,
        .guest_phys_addr = memory->base,
        .memory_size = memory->all_bytes,
        .userspace_addr = (uintptr_t)memory->host,
    };
    if (ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION, &region))
        return complain("no guest memory");
    return 0;
}

int kvm_add_vcpu(struct kvm *kvm)
{
    kvm->vcpu = ioctl(kvm->vm, KVM_CREATE_VCPU, 0);
    if (kvm->vcpu < 0)
        return complain("no vCPU");
    int run_bytes = ioctl(kvm->system, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (run_bytes < (int)sizeof(struct kvm_run))
        return complain("no run structure");
    kvm->run_bytes = (size_t)run_bytes;
    kvm->run = mmap(NULL, kvm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kvm->vcpu, 0);
    if (kvm->run == MAP_FAILED) {
        kvm->run = NULL;
        return complain("no run structure");
    }
    int synced = ioctl(kvm->vm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
    if ((synced & KVM_SYNC_X86_REGS) == 0) {
        say("KVM: this kernel does not share registers (KVM_CAP_SYNC_REGS, Linux 4.17)");
        return -ENOTSUP;
    }
    kvm->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
    return 0;
}

/*
 * Makes the guest's time-stamp counter equal to the host's, so that one reading of RDTSC serves
 * both sides (clock.c). By attribute where the kernel has it (Linux 5.16), else by value.
 */
static int set_time_stamp(struct kvm *kvm)
{
    uint64_t offset = 0;
    struct kvm_device_attr attribute = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uintptr_t)&offset,
    };
    if (!ioctl(kvm->vcpu, KVM_SET_DEVICE_ATTR, &attribute))
        return 0;
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msrs = {.head.nmsrs = 1, .entry = {.index = MSR_TSC, .data = __builtin_ia32_rdtsc()}};
    if (ioctl(kvm->vcpu, KVM_SET_MSRS, &msrs) != 1)
        return complain("no time-stamp counter");
    return 0;
}

int kvm_set_cpu(struct kvm *kvm, struct pvn_cpu_x86_64 *facts)
{
    struct cpuid_table table;
    const char *missing = cpuid_table_make(&table, facts);

    if (missing) {
        say("this CPU lacks %s", missing);
        return -ENOTSUP;
    }
    if (ioctl(kvm->vcpu, KVM_SET_CPUID2, &table.head))
        return complain("no CPU model");
    if (facts->xcr0) {
        struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = facts->xcr0}};
        if (ioctl(kvm->vcpu, KVM_SET_XCRS, &xcrs))
            return complain("no extended state");
    }
    int result = set_time_stamp(kvm);
    if (result)
        return result;
    int khz = ioctl(kvm->vcpu, KVM_GET_TSC_KHZ, 0);
    if (khz <= 0)
        return complain("unknown frequency of the time-stamp counter");
    facts->tsc_khz = (uint32_t)khz;
    facts->hypercall_port = PORT_HYPERCALL;
    facts->doorbell_port = PORT_DOORBELL;
    return 0;
}

int kvm_set_start(struct kvm *kvm, const struct tables *tables, uint64_t entry, uint64_t record)
{
    struct kvm_sregs special;
    /* Interrupts are enabled and ring 3 cannot change that (IOPL 0): the page-table writer is
     * entered as one. */
    struct kvm_regs general = {.rip = entry, .rdi = record, .rflags = 0x202};

    if (ioctl(kvm->vcpu, KVM_GET_SREGS, &special))
        return complain("no registers");
    tables_set_registers(tables, &special);
    if (ioctl(kvm->vcpu, KVM_SET_SREGS, &special))
        return complain("the start state was refused");
    if (ioctl(kvm->vcpu, KVM_SET_REGS, &general))
        return complain("the start registers were refused");
    return 0;
}

int kvm_add_doorbell(struct kvm *kvm, uint32_t number, int event_fd)
{
    struct kvm_ioeventfd doorbell = {
        .datamatch = number,
        .addr = PORT_DOORBELL,
        .len = 4,
        .fd = event_fd,
        .flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH,
    };
    if (ioctl(kvm->vm, KVM_IOEVENTFD, &doorbell))
        return complain("no doorbell");
    return 0;
}
