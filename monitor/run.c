/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `coracle run --on native`: puts a VM together, closes the sandbox, runs the vCPU on this thread,
 * and takes everything down. The order is that of setup(): what a user may have done wrong first,
 * then what the machine may lack.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "board.h"
#include "boot_trace.h"
#include "record.h"
#include "sandbox.h"
#include "say.h"
#include "vm.h"

/* RAM after the image that every program touches while it starts: its first heap and stacks. */

/* A file that shrinks under its mapping, seen from the monitor's own side. */
static void on_bus_error(int signal)
{
    static const char text[] = "coracle: a mapped file became shorter while it was in use\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);

    (void)signal;
    (void)written;
    _exit(STATUS_MONITOR);
}

static int check_memory_size(const struct vm *vm)
{
    uint64_t least = vm->image.elf.memory_min_bytes;

    if (vm->options->mem_bytes >= least)
        return 0;
    say("--mem %lluK is too little: %s needs at least %lluK",
        (unsigned long long)vm->options->mem_bytes >> 10, vm->image.path,
        (unsigned long long)(least + 1023) >> 10);
    return -EINVAL;
}

/* What the user may have got wrong: status 2. */
static int open_inputs(struct vm *vm, int *stats_fd)
{
    int result = image_open(&vm->image, vm->options->args[0]);

    if (!result)
        result = check_memory_size(vm);
    if (!result)
        result = board_create(&vm->board, vm->options);
    if (!result)
        result = profile_file_open(&vm->profile, vm->options->profile, vm->options->profile_hz,
                                   &vm->image);
    if (!result && vm->options->stats) {
        *stats_fd = stats_open(vm->options->stats);
        result = *stats_fd < 0 ? *stats_fd : 0;
    }
    return result;
}

/* One mapping for RAM and the area behind it. Nothing is populated in advance: the pages that a
 * boot touches are so few that faulting them in is no slower (measured). */
static int map_memory(struct vm *vm)
{
    struct guest_memory *memory = &vm->memory;
    struct layout_needs needs = {.ram_bytes = vm->options->mem_bytes,
                                 .record_bytes = record_bytes(vm),
                                 .stamps = boot_trace != NULL};

    board_get_needs(vm->board, &needs);
    layout_compute(&vm->layout, &needs);
    memory->base = PVN_RAM_BASE;
    memory->ram_bytes = needs.ram_bytes;
    memory->all_bytes = vm->layout.area_end - memory->base;
    void *host = mmap(NULL, memory->all_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host == MAP_FAILED) {
        int error = errno;
        say("--mem %lluK: %s", (unsigned long long)needs.ram_bytes >> 10, strerror(error));
        return -error;
    }
    memory->host = host;
    return 0;
}

static int fill_memory(struct vm *vm)
{
    struct guest_memory *memory = &vm->memory;
    uint8_t *base = memory->host - memory->base;

    vm->tables = (struct tables){.memory = memory, .layout = &vm->layout};
    int result = image_map(&vm->image, memory, &vm->tables);
    if (result)
        return result;
    tables_build(&vm->tables, vm->image.elf.image_end);
    record_build(vm);
    if (getrandom(base + vm->layout.seed, PVN_SEED_BYTES, 0) != (ssize_t)PVN_SEED_BYTES) {
        say("no random numbers: %s", strerror(errno));
        return -EIO;
    }
    return 0;
}

/* What the machine may lack: status 125. */
static int make_vm(struct vm *vm)
{
    struct kvm *kvm = &vm->kvm;
    int result = kvm_open(kvm);

    if (!result)
        result = map_memory(vm);
    if (!result)
        result = kvm_add_memory(kvm, &vm->memory);
    if (!result)
        result = kvm_add_vcpu(kvm);
    if (!result)
        result = kvm_set_cpu(kvm, &vm->cpu);
    boot_trace_mark(BOOT_VM);
    if (!result)
        result = fill_memory(vm);
    if (!result)
        result = kvm_set_start(kvm, &vm->tables, vm->image.elf.entry, vm->layout.record);
    boot_trace_mark(BOOT_LOAD);
    return result;
}

/* The guest's stamps, and the pages of RAM that are no longer the image file's or nobody's (Linux,
 * Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bit 61 of a file). */
static void take_stamps(const struct vm *vm, int pagemap_fd)
{
    const uint8_t *base = vm->memory.host - vm->memory.base;
    const struct pvn_clock *clock = (const void *)(base + vm->layout.clock);
    struct pvn_stamps stamps;
    uint64_t entries[512], first = (uintptr_t)vm->memory.host / PVN_PAGE_SIZE;
    uint64_t left = vm->memory.ram_bytes / PVN_PAGE_SIZE;

    memcpy(&stamps, base + vm->layout.stamps, sizeof stamps);
    uint64_t ns = monotonic_ns(), cycles = __builtin_ia32_rdtsc();
    if (stamps.cycles[PVN_STAMP_ENTRY] && stamps.cycles[PVN_STAMP_ENTRY] < cycles) {
        stamps.cycles[PVN_STAMP_EXIT] = cycles;
        boot_trace_guest(stamps.cycles, PVN_STAMP_EXIT, ns, clock->tsc_to_system_mul,
                         clock->tsc_shift);
        boot_trace->at_ns[BOOT_EXIT] = vm->counters.start_ns + vm->counters.end_ns;
    }
    if (pagemap_fd < 0 || lseek(pagemap_fd, (off_t)(first * 8), SEEK_SET) < 0)
        return;
    while (left > 0) {
        uint64_t count = left < 512 ? left : 512;
        if (read(pagemap_fd, entries, count * 8) != (ssize_t)(count * 8))
            return;
        for (uint64_t i = 0; i < count; i++)
            boot_trace->pages += entries[i] >> 63 && !(entries[i] >> 61 & 1);
        left -= count;
    }
}

static int start(struct vm *vm)
{
    uint8_t *base = vm->memory.host - vm->memory.base;

    events_block_signals(true);
    int result = events_start(&vm->events, (void *)(base + vm->layout.vcpu), vm->kvm.run);
    if (!result)
        result = sandbox_drop_privileges();
    boot_trace_end_with_reader();
    if (!result)
        result = board_start(vm->board, &vm->kvm, &vm->events);
    if (!result && vm->options->timeout_ns)
        result = events_set_timeout(vm->options->timeout_ns);
    if (!result)
        result = sandbox_close(board_has_user_network(vm->board));
    events_block_signals(false);
    clock_start(&vm->clock, (void *)(base + vm->layout.clock), vm->cpu.tsc_khz);
    return result;
}

static void run(struct vm *vm, int stats_fd)
{
    int pagemap_fd = boot_trace && boot_trace->pages
                         ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
                         : -1;

    if (boot_trace)
        boot_trace->pages = 0;
    if (make_vm(vm) || start(vm)) {
        vm_end(vm, "monitor", STATUS_MONITOR);
    } else {
        boot_trace_mark(BOOT_ENTER);
        vcpu_run(vm);
        if (boot_trace)
            take_stamps(vm, pagemap_fd);
    }
    board_stop(vm->board);
    profile_file_close(&vm->profile);
    if (stats_fd >= 0)
        stats_write(vm, stats_fd);
}

int run_native(const struct options *options)
{
    static struct vm vm; /* static: large, and the process runs one */
    int stats_fd = -1;

    vm.options = options;
    vm.counters.start_ns = monotonic_ns();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGBUS, on_bus_error);
    if (open_inputs(&vm, &stats_fd))
        return STATUS_USAGE;
    boot_trace_mark(BOOT_INPUTS);
    run(&vm, stats_fd);
    board_destroy(vm.board);
    return vm.status;
}
