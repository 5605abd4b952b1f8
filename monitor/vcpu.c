/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vCPU's thread: enters the guest, sorts the exits, injects upcalls. Single-threaded by itself;
 * others reach it only through events.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "board.h"
#include "boot_trace.h"
#include "say.h"
#include "stubs.h"
#include "vm.h"

void vm_end(struct vm *vm, const char *cause, int status)
{
    if (vm->ended)
        return;
    vm->ended = true;
    vm->cause = cause;
    vm->status = status;
}

static void end_stopped(struct vm *vm)
{
    switch (events_stopped(&vm->events)) {
    case STOP_TIMEOUT:
        say("%s: ended by --timeout", vm->image.path);
        vm_end(vm, "timeout", STATUS_TIMEOUT);
        break;
    case STOP_INTERRUPT:
        vm_end(vm, "signal", STATUS_INTERRUPTED);
        break;
    case STOP_TERMINATE:
        vm_end(vm, "signal", STATUS_TERMINATED);
        break;
    case STOP_NONE:
        break;
    }
}

static void serve_doorbell(struct vm *vm, uint32_t number)
{
    if (!board_ring_doorbell(vm->board, number))
        crash_rule(vm, "bad doorbell: there is no number %u", number);
}

static void serve_io(struct vm *vm)
{
    const struct kvm_run *run = vm->kvm.run;
    uint32_t value = 0;

    vm->counters.exits_io++;
    if (run->io.port == PORT_TRAP) {
        crash_exception(vm);
        return;
    }
    if (run->io.port == PORT_MORE) {
        hypercall_continue_protect(vm);
        return;
    }
    if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4 || run->io.count != 1 ||
        (run->io.port != PORT_HYPERCALL && run->io.port != PORT_DOORBELL)) {
        crash_rule(vm, "bad port access: only a 32-bit OUT to port %u or %u is a hypercall",
                   PORT_HYPERCALL, PORT_DOORBELL);
        return;
    }
    if (run->io.port == PORT_HYPERCALL) {
        hypercall_serve(vm);
        return;
    }
    memcpy(&value, (const uint8_t *)run + run->io.data_offset, sizeof value);
    serve_doorbell(vm, value);
}

static void serve_exit(struct vm *vm)
{
    const struct kvm_run *run = vm->kvm.run;
    const struct kvm_regs *registers = &run->s.regs.regs;

    if (run->exit_reason == KVM_EXIT_IO) {
        serve_io(vm);
        return;
    }
    vm->counters.exits_other++;
    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
        say("KVM: internal error %u at 0x%llx", run->internal.suberror, registers->rip);
    else if (run->exit_reason == KVM_EXIT_SHUTDOWN)
        say("KVM: the vCPU shut down (triple fault)");
    else if (run->exit_reason == KVM_EXIT_MMIO)
        say("KVM: access to 0x%llx, where no memory is, at 0x%llx", run->mmio.phys_addr,
            registers->rip);
    else
        say("KVM: unexpected exit %u at 0x%llx", run->exit_reason, registers->rip);
    vm_end(vm, "monitor", STATUS_MONITOR);
}

static void serve_failure(struct vm *vm, int error)
{
    if (error == EFAULT)
        say("%s: memory behind the guest is gone: was the image truncated while it ran?",
            vm->image.path);
    else
        say("KVM: the vCPU cannot run: %s", strerror(error));
    vm_end(vm, "monitor", STATUS_MONITOR);
}

static void enter_upcall(struct vm *vm)
{
    uint64_t address;
    int result = events_enter_upcall(&vm->events, &vm->memory, &vm->tables, &address);

    if (result == -EFAULT)
        crash_rule(vm, "stack overflow: no room for an upcall's frame at 0x%" PRIx64, address);
    else if (result)
        crash_rule(vm, "bad upcall: its address 0x%" PRIx64 " is not executable", address);
}

/* A stub is about to report a fault: nothing may get in between. */
static bool in_ring_0(const struct vm *vm)
{
    uint64_t rip = vm->kvm.run->s.regs.regs.rip;
    return rip >= vm->layout.stubs && rip < vm->layout.stubs + PVN_PAGE_SIZE;
}

/* An exit before main, where somebody counts them. */
static void count_start(const struct vm *vm)
{
    const struct pvn_stamps *stamps = (const void *)(vm->memory.host +
                                                     (vm->layout.stamps - vm->memory.base));
    const struct kvm_run *run = vm->kvm.run;

    if (__atomic_load_n(&stamps->cycles[PVN_STAMP_MAIN], __ATOMIC_RELAXED))
        return;
    boot_trace->exits++;
    boot_trace->hypercalls += run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_HYPERCALL;
}

/*
 * Upcalls are entered only when `settled`: after KVM_RUN returned EINTR, or before the first run.
 * At an exit for an OUT some KVMs still have to finish that instruction; a run with immediate_exit
 * set lets them do so and returns EINTR at once.
 */
void vcpu_run(struct vm *vm)
{
    struct kvm_run *run = vm->kvm.run;
    bool settled = true;

    vm->counters.first_run_ns = monotonic_ns() - vm->counters.start_ns;
    while (!vm->ended) {
        if (events_upcall_due(&vm->events)) {
            if (!settled)
                __atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
            else if (!in_ring_0(vm))
                enter_upcall(vm);
            if (vm->ended)
                break;
        }
        int result = ioctl(vm->kvm.vcpu, KVM_RUN, 0);
        settled = false;
        if (boot_trace)
            count_start(vm);
        if (result == 0) {
            serve_exit(vm);
        } else if (errno == EINTR || errno == EAGAIN) {
            settled = true;
            vm->counters.exits_signal++;
            /* Cleared before anything is looked at: a signal from here on sets it again. */
            __atomic_store_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
            clock_refresh(&vm->clock);
        } else {
            serve_failure(vm, errno);
        }
        end_stopped(vm);
    }
    vm->counters.end_ns = monotonic_ns() - vm->counters.start_ns;
}
