/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of starting a virtual machine: opens KVM, makes a VM with the given memory and one
 * vCPU, runs one instruction (a port write, at the start of real mode) and exits. Linked
 * statically. What `coracle run` takes beyond this is Coracle's.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
    size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 32) << 20;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        err(125, "/dev/kvm");
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        err(125, "KVM_CREATE_VM");

    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        err(125, "mmap");
    memcpy(memory, "\xe6\x10", 2); /* out %al, $0x10 */
    struct kvm_userspace_memory_region region = {.memory_size = bytes,
                                                 .userspace_addr = (uintptr_t)memory};
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        err(125, "KVM_SET_USER_MEMORY_REGION");

    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (vcpu < 0)
        err(125, "KVM_CREATE_VCPU");
    int run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
                               0);
    if (run == MAP_FAILED)
        err(125, "mmap of the vCPU");
    struct kvm_sregs segments;
    if (ioctl(vcpu, KVM_GET_SREGS, &segments) < 0)
        err(125, "KVM_GET_SREGS");
    segments.cs.base = 0;
    segments.cs.selector = 0;
    if (ioctl(vcpu, KVM_SET_SREGS, &segments) < 0)
        err(125, "KVM_SET_SREGS");
    struct kvm_regs registers = {.rip = 0, .rflags = 2};
    if (ioctl(vcpu, KVM_SET_REGS, &registers) < 0)
        err(125, "KVM_SET_REGS");
    if (ioctl(vcpu, KVM_RUN, 0) < 0)
        err(125, "KVM_RUN");
    if (run->exit_reason != KVM_EXIT_IO || run->io.port != 0x10)
        errx(125, "unexpected exit %u", run->exit_reason);
    return 0;
}
