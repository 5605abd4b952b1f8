/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leaving a VM through a port and coming back costs where no system is in the way: ring 3, long
 * mode, one page of code that executes OUT in a loop, a process that does nothing but enter again.
 * Prints cycles of the time stamp counter for each. The floor of any hypercall.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <x86intrin.h>

#define PAGE 4096u
#define ROUNDS 31u /* the fastest counts: other work only ever adds */
#define EXITS 100u
#define CODE (4u * PAGE)
#define RAM (16u * PAGE)
#define PORT 8u

/* Maps the first 2 MiB, pages of 4 KiB not needed: present, writable, for ring 3. */
static void make_tables(uint8_t *ram)
{
    uint64_t *top = (uint64_t *)(ram + PAGE), *middle = (uint64_t *)(ram + 2 * PAGE);
    uint64_t *low = (uint64_t *)(ram + 3 * PAGE);

    top[0] = 2 * PAGE | 7;
    middle[0] = 3 * PAGE | 7;
    low[0] = 7 | 1u << 7;
}

static void set_ring_3(int vcpu)
{
    struct kvm_sregs s;

    if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0)
        err(125, "KVM_GET_SREGS");
    s.cr0 = 1u << 31 | 1u << 5 | 1u << 1 | 1; /* PG NE MP PE */
    s.cr3 = PAGE;
    s.cr4 = 1u << 5;             /* PAE */
    s.efer = 1u << 10 | 1u << 8; /* LMA LME */
    s.cs = (struct kvm_segment){.limit = UINT32_MAX,
                                .selector = 0x33,
                                .type = 11,
                                .present = 1,
                                .dpl = 3,
                                .s = 1,
                                .l = 1,
                                .g = 1};
    s.ss = (struct kvm_segment){.limit = UINT32_MAX,
                                .selector = 0x2b,
                                .type = 3,
                                .present = 1,
                                .dpl = 3,
                                .db = 1,
                                .s = 1,
                                .g = 1};
    s.ds = s.es = s.fs = s.gs = s.ss;
    if (ioctl(vcpu, KVM_SET_SREGS, &s) < 0)
        err(125, "KVM_SET_SREGS");
    struct kvm_regs r = {.rip = CODE, .rflags = 2 | 3u << 12}; /* IOPL 3 */
    if (ioctl(vcpu, KVM_SET_REGS, &r) < 0)
        err(125, "KVM_SET_REGS");
}

/* The CPU as it is: without a model KVM takes slower ways. */
static void set_cpu(int kvm, int vcpu)
{
    static struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[256];
    } model = {.head.nent = 256};

    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &model) < 0 || ioctl(vcpu, KVM_SET_CPUID2, &model) < 0)
        err(125, "a CPU model");
}

static void run_until_exit(int vcpu, const struct kvm_run *run)
{
    if (ioctl(vcpu, KVM_RUN, 0) < 0)
        err(125, "KVM_RUN");
    if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT)
        errx(125, "unexpected exit %u", run->exit_reason);
}

int main(void)
{
    static const uint8_t code[] = {0xe7, PORT, 0xeb, 0xfc}; /* 1: out %eax, $PORT; jmp 1b */
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    uint8_t *ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kvm_userspace_memory_region region = {.memory_size = RAM,
                                                 .userspace_addr = (uintptr_t)ram};

    if (vm < 0 || ram == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        err(125, "a VM");
    memcpy(ram + CODE, code, sizeof code);
    make_tables(ram);

    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    struct kvm_run *run = vcpu < 0 ? MAP_FAILED
                                   : mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
                                          PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED)
        err(125, "a vCPU");
    set_cpu(kvm, vcpu);
    set_ring_3(vcpu);
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t begin = __rdtsc(), cycles;

        for (unsigned exit = 0; exit < EXITS; exit++)
            run_until_exit(vcpu, run);
        cycles = __rdtsc() - begin;
        least = cycles < least ? cycles : least;
    }
    printf("%.1f\n", (double)least / EXITS);
    return 0;
}
