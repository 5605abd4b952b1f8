/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercalls (ABI.md, "Hypercalls"). Arguments are copied out of the registers once; every one
 * that breaks a rule ends the VM with a line that says which. Runs on the vCPU's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profile_text.h"
#include "say.h"
#include "stubs.h"
#include "vm.h"

struct arguments {
    uint64_t first, second, third;
};

static void serve_exit(struct vm *vm, const struct arguments *arguments)
{
    vm_end(vm, "exit", (int)(arguments->first & PVN_STATUS_MASK));
}

static int64_t serve_wait(struct vm *vm, const struct arguments *arguments)
{
    events_wait(&vm->events, clock_to_monotonic(&vm->clock, arguments->first));
    return 0;
}

/* What a WRITE may name: RAM, and the boot record, where arguments and environment are. */
static const void *readable_at(const struct vm *vm, uint64_t address, uint64_t bytes)
{
    const struct layout *layout = &vm->layout;

    if (address >= layout->record && address - layout->record <= layout->record_bytes &&
        bytes <= layout->record_bytes - (address - layout->record))
        return vm->memory.host + (address - vm->memory.base);
    return memory_at(&vm->memory, (gpa_t){address}, bytes, MEMORY_READ);
}

/* Writes at least one byte, unless the descriptor fails or the VM is being stopped. */
static int64_t write_out(struct vm *vm, int fd, const void *bytes, uint64_t count)
{
    for (;;) {
        ssize_t written = write(fd, bytes, count);
        if (written >= 0)
            return written;
        int error = errno;
        if (events_stopped(&vm->events) != STOP_NONE)
            return -EINTR;
        if (error == EAGAIN) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            poll(&ready, 1, -1);
        } else if (error != EINTR) {
            return -error;
        }
    }
}

/* What the guest's profiler says goes to its file: one line a call. */
static bool is_profile(struct vm *vm, uint64_t channel, const void *from, uint64_t bytes)
{
    char line[sizeof PROFILE_MARK + PROFILE_LINE_MAX];

    if (!vm->profile.path || channel != PVN_LOG || bytes < 2 || bytes > sizeof line)
        return false;
    memcpy(line, from, bytes);
    return line[bytes - 1] == '\n' && profile_file_take(&vm->profile, line, bytes - 1);
}

static int64_t serve_write(struct vm *vm, const struct arguments *arguments)
{
    uint64_t channel = arguments->first, address = arguments->second, bytes = arguments->third;

    if (channel >= CHANNEL_COUNT) {
        crash_rule(vm, "bad hypercall WRITE: there is no channel %" PRIu64, channel);
        return 0;
    }
    const void *from = readable_at(vm, address, bytes);
    if (bytes > PVN_WRITE_MAX || !from) {
        crash_rule(vm, "bad hypercall WRITE: 0x%" PRIx64 " bytes at 0x%" PRIx64 " %s", bytes,
                   address, bytes > PVN_WRITE_MAX ? "are too many" : "are not in RAM");
        return 0;
    }
    if (bytes == 0)
        return 0;
    if (is_profile(vm, channel, from, bytes))
        return (int64_t)bytes;
    int64_t result = write_out(vm, channel == PVN_STDOUT ? STDOUT_FILENO : STDERR_FILENO, from,
                               bytes);
    if (result > 0)
        vm->counters.written_bytes[channel] += (uint64_t)result;
    return result;
}

static int64_t serve_timer(struct vm *vm, const struct arguments *arguments)
{
    int result = events_set_timer(&vm->events, clock_to_monotonic(&vm->clock, arguments->first));

    if (result) {
        say("the guest's timer cannot be set: %s", strerror(-result));
        vm_end(vm, "monitor", STATUS_MONITOR);
    }
    return 0;
}

static bool are_whole_pages(const struct vm *vm, uint64_t address, uint64_t bytes)
{
    return address % PVN_PAGE_SIZE == 0 && bytes % PVN_PAGE_SIZE == 0 && bytes > 0 &&
           memory_at(&vm->memory, (gpa_t){address}, bytes, MEMORY_READ);
}

/* Lists the next part of the change. False: nothing is to be written. */
static bool list_protect(struct vm *vm)
{
    int count = tables_protect(&vm->tables, &vm->protect_at, vm->protect_end, vm->protect_rights);

    if (count < 0)
        crash_rule(vm, "bad hypercall PROTECT: the page at 0x%" PRIx64 " is %s", vm->protect_at,
                   count == -EPERM ? "of the image's text or constants"
                                   : "not memory that the guest has");
    return count > 0;
}

static int64_t serve_protect(struct vm *vm, const struct arguments *arguments)
{
    struct kvm_interrupt interrupt = {.irq = STUB_WRITER_VECTOR};
    uint64_t address = arguments->first, bytes = arguments->second, rights = arguments->third;

    if (rights > PVN_READ_WRITE || !are_whole_pages(vm, address, bytes)) {
        crash_rule(vm,
                   "bad hypercall PROTECT: address 0x%" PRIx64 ", length 0x%" PRIx64
                   ", rights %" PRIu64,
                   address, bytes, rights);
        return 0;
    }
    /* An upcall must not meet the writer, which runs in ring 0. */
    if (events_upcalls_open(&vm->events)) {
        crash_rule(vm, "bad hypercall PROTECT: upcalls are not masked");
        return 0;
    }
    vm->protect_at = address;
    vm->protect_end = address + bytes;
    vm->protect_rights = (enum pvn_rights)rights;
    vm->counters.protected_pages += bytes / PVN_PAGE_SIZE;
    /* The vCPU finishes its OUT, then enters the writer, before any further guest instruction. */
    if (list_protect(vm) && ioctl(vm->kvm.vcpu, KVM_INTERRUPT, &interrupt)) {
        say("KVM: no interrupt: %s", strerror(errno));
        vm_end(vm, "monitor", STATUS_MONITOR);
    }
    return 0;
}

void hypercall_continue_protect(struct vm *vm)
{
    if (!list_protect(vm) && !vm->ended) {
        /* The rest needs no change after all: let the writer repeat its last part and leave. */
        uint64_t *list = (uint64_t *)(void *)(vm->memory.host +
                                              (vm->layout.system + SYSTEM_LIST - vm->memory.base));
        list[0] = 1;
        list[1] = 0;
    }
}

static int64_t serve_discard(struct vm *vm, const struct arguments *arguments)
{
    uint64_t address = arguments->first, bytes = arguments->second;
    uint64_t image_end = vm->image.elf.image_end;
    uint8_t *host = memory_at(&vm->memory, (gpa_t){address}, bytes, MEMORY_WRITE);

    if (!are_whole_pages(vm, address, bytes) || !host) {
        crash_rule(vm, "bad hypercall DISCARD: address 0x%" PRIx64 ", length 0x%" PRIx64, address,
                   bytes);
        return 0;
    }
    vm->counters.discarded_pages += bytes / PVN_PAGE_SIZE;
    if (address < image_end) {
        /* Pages of the image may be the file's: they are zeroed instead. */
        uint64_t part = image_end - address < bytes ? image_end - address : bytes;
        memset(host, 0, part);
        host += part;
        bytes -= part;
    }
    if (bytes && madvise(host, bytes, MADV_DONTNEED))
        memset(host, 0, bytes);
    return 0;
}

static void serve_crash(struct vm *vm, const struct arguments *arguments)
{
    const void *words = readable_at(vm, arguments->first, arguments->second);

    if (!words || arguments->second > PVN_WRITE_MAX)
        crash_words(vm, "", 0, arguments->third);
    else
        crash_words(vm, words, arguments->second, arguments->third);
}

void hypercall_serve(struct vm *vm)
{
    struct kvm_run *run = vm->kvm.run;
    struct kvm_regs *registers = &run->s.regs.regs;
    struct arguments arguments = {registers->rdi, registers->rsi, registers->r8};
    uint64_t number = registers->rax;
    int64_t result = 0;

    if (number >= PVN_HC_COUNT) {
        crash_rule(vm, "bad hypercall: there is no number 0x%" PRIx64, number);
        return;
    }
    vm->counters.hypercalls[number]++;
    switch ((enum pvn_hypercall)number) {
    case PVN_HC_EXIT:
        serve_exit(vm, &arguments);
        return;
    case PVN_HC_WAIT:
        result = serve_wait(vm, &arguments);
        break;
    case PVN_HC_WRITE:
        result = serve_write(vm, &arguments);
        break;
    case PVN_HC_TIMER:
        result = serve_timer(vm, &arguments);
        break;
    case PVN_HC_PROTECT:
        result = serve_protect(vm, &arguments);
        break;
    case PVN_HC_DISCARD:
        result = serve_discard(vm, &arguments);
        break;
    case PVN_HC_CRASH:
        serve_crash(vm, &arguments);
        return;
    case PVN_HC_COUNT:
        break;
    }
    clock_refresh(&vm->clock);
    registers->rax = (uint64_t)result;
    run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}
