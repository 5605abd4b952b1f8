/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts a native guest's instructions: the monitor's own code with another loop around the vCPU,
 * which steps the guest until it reaches the address STEP_UNTIL, then lets it run. It steps by the
 * trap flag and the guest's own stub for exceptions, because not every KVM can single-step ring 3.
 * How often each address was executed goes to the file STEP_TO, a line each: ADDRESS COUNT. The
 * sandbox is left open for that. Used by bench/boot.py.
 */
#include <stdio.h>
#include <stdlib.h>

/* The exits, served as ever. */
#define vcpu_run vcpu_run_unobserved
#include "monitor/vcpu.c" /* NOLINT(bugprone-suspicious-include) */
#undef vcpu_run

#include "sandbox.h"

#define TEXT_BYTES (4u << 20)
#define TRAP_FLAG 0x100ull
#define VECTOR_DEBUG 1u
#define IRETQ_BYTES 2u

static uint32_t counts[TEXT_BYTES]; /* by address above RAM's base */

int sandbox_drop_privileges(void)
{
    return 0;
}

int sandbox_close(bool user_network)
{
    (void)user_network;
    return 0;
}

static void write_counts(void)
{
    const char *path = getenv("STEP_TO");
    FILE *file = path ? fopen(path, "w") : NULL;

    for (uint32_t at = 0; file && at < TEXT_BYTES; at++)
        if (counts[at])
            fprintf(file, "%#llx %u\n", PVN_RAM_BASE + (unsigned long long)at, counts[at]);
    if (!file || fclose(file)) {
        perror("STEP_TO");
        exit(STATUS_MONITOR);
    }
}

static void count(uint64_t address)
{
    if (address - PVN_RAM_BASE < TEXT_BYTES)
        counts[address - PVN_RAM_BASE]++;
}

static void must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(STATUS_MONITOR);
    }
}

/* Has the OUT that the guest left by finished: the registers may be changed only then. */
static void settle(const struct vm *vm)
{
    vm->kvm.run->immediate_exit = 1;
    if (ioctl(vm->kvm.vcpu, KVM_RUN, 0) == 0 || errno != EINTR)
        must(-1, "KVM_RUN");
    vm->kvm.run->immediate_exit = 0;
}

/* What the CPU pushed when the exception's stub was entered; NULL if it was not the debug trap's. */
static uint64_t *debug_frame(const struct vm *vm)
{
    const struct kvm_run *run = vm->kvm.run;
    uint64_t rip = run->s.regs.regs.rip - vm->layout.stubs;

    if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT_TRAP ||
        rip / STUB_BYTES != VECTOR_DEBUG)
        return NULL;
    return (uint64_t *)(vm->memory.host + (run->s.regs.regs.rsp - vm->memory.base));
}

/* Back from the stub, by the IRETQ that ends the page-table writer's. */
static void go_on(const struct vm *vm)
{
    struct kvm_regs registers;

    settle(vm);
    must(ioctl(vm->kvm.vcpu, KVM_GET_REGS, &registers), "KVM_GET_REGS");
    registers.rip = vm->layout.stubs + (uint64_t)(stubs_end - stubs_begin) - IRETQ_BYTES;
    must(ioctl(vm->kvm.vcpu, KVM_SET_REGS, &registers), "KVM_SET_REGS");
}

/* Sets the trap flag before the first instruction; each debug trap's frame has it set again. */
static void begin(const struct vm *vm)
{
    struct kvm_regs registers;

    must(ioctl(vm->kvm.vcpu, KVM_GET_REGS, &registers), "KVM_GET_REGS");
    count(registers.rip);
    registers.rflags |= TRAP_FLAG;
    must(ioctl(vm->kvm.vcpu, KVM_SET_REGS, &registers), "KVM_SET_REGS");
}

void vcpu_run(struct vm *vm)
{
    const char *word = getenv("STEP_UNTIL");
    uint64_t until = word ? strtoull(word, NULL, 0) : 0;

    begin(vm);
    while (!vm->ended) {
        uint64_t *frame;
        int result = ioctl(vm->kvm.vcpu, KVM_RUN, 0);

        if (result < 0 && (errno == EINTR || errno == EAGAIN)) {
            vm->kvm.run->immediate_exit = 0;
        } else if (result < 0) {
            serve_failure(vm, errno);
        } else if (!(frame = debug_frame(vm))) {
            serve_exit(vm);
        } else if (frame[0] == until) {
            frame[2] &= ~TRAP_FLAG;
            go_on(vm);
            break;
        } else {
            count(frame[0]);
            go_on(vm);
        }
    }
    write_counts();
    vcpu_run_unobserved(vm);
}
