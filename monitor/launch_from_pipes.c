/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's streams: a pipe for each channel (launch_vm.h). QEMU writes them byte by byte, so they are read
 * after naps; and the ports that it forwards get room for more connections once it listens. Called by
 * launch_run.c's loop.
 */
#include "event.h"
#include "launch_backlog.h"
#include "launch_devices.h"
#include "launch_vm.h"

/* Who reads each byte keeps QEMU waking somebody; who comes back so much later finds them all. A mark is
 * short and may be the guest's last word. Who gets so much at once needs no nap. */
#define NAP_NS 1000000u
#define NAP_AMID_MARK_NS 50000u
#define MUCH_BYTES 4096u

/* QEMU has opened its ports some time after its start: how often to look, and for how long. */
#define PORTS_STEP_NS 10000000u
#define PORTS_TRIES 1000u

static int count_ports(const struct launch *launch)
{
    unsigned host, guest;
    int count = 0;

    for (unsigned i = 0; i < launch->device_count; i++) {
        const char *at = launch->devices[i].forwards;
        while (at && launch_next_forward(&at, &host, &guest))
            count++;
    }
    return count;
}

static void start(const struct launch *launch, struct launch_vm *vm)
{
    vm->pipes.ports = count_ports(launch);
    vm->pipes.ports_tries = vm->pipes.ports ? PORTS_TRIES : 0;
}

/* Looks for the forwarded ports, now and then, until all are there. */
static void widen_ports(struct launch_vm *vm, uint64_t now)
{
    struct launch_pipes *pipes = &vm->pipes;

    if (!pipes->ports_tries || now < pipes->ports_next_ns || vm->ended)
        return;
    int found = launch_backlog_widen(vm->pid);
    pipes->ports_tries = found < 0 || found >= pipes->ports ? 0 : pipes->ports_tries - 1;
    pipes->ports_next_ns = now + PORTS_STEP_NS;
}

static uint64_t tend(struct launch *launch, struct launch_vm *vm, uint64_t now)
{
    struct launch_pipes *pipes = &vm->pipes;
    uint64_t left = UINT64_MAX;

    (void)launch;
    widen_ports(vm, now);
    if (pipes->ports_tries)
        left = PORTS_STEP_NS;
    if (now >= pipes->nap_end_ns)
        pipes->nap_end_ns = 0;
    else if (pipes->nap_end_ns - now < left)
        left = pipes->nap_end_ns - now;
    pipes->napping = pipes->nap_end_ns != 0;
    return left;
}

/* Nothing more is read from a child that is about to end, until it has. */
static bool must_wait(const struct launch_vm *vm, int which)
{
    bool naps = vm->pipes.nap_end_ns && (which != LAUNCH_LOG || vm->pipes.log_naps);

    return !vm->ended && (naps || vm->log.end != LAUNCH_END_NONE);
}

/* The log wakes from a nap that others began, because the guest's end is told there. */
static void nap_after(struct launch_vm *vm, int which)
{
    bool is_log = which == LAUNCH_LOG;

    vm->pipes.log_naps = is_log;
    vm->pipes.nap_end_ns = monotonic_ns() +
                           (is_log && launch_log_amid_mark(&vm->log) ? NAP_AMID_MARK_NS : NAP_NS);
}

static void ready(struct launch *launch, struct launch_vm *vm, int which)
{
    char bytes[65536];
    size_t got;

    if (vm->pipes.napping) {
        vm->pipes.napping = false;
        vm->pipes.nap_end_ns = 0; /* what the others have comes first: in the next turn */
        return;
    }
    got = launch_vm_read(launch, vm, which, bytes, sizeof bytes);
    if (got == 0)
        return;
    launch_vm_take(launch, vm, (unsigned)which, bytes, got);
    if (got < MUCH_BYTES)
        nap_after(vm, which);
    /* That was the guest's last word; QEMU's own way out only takes longer. */
    if (vm->log.end != LAUNCH_END_NONE)
        launch_vm_kill(launch, vm);
}

static struct pollfd more(struct launch_vm *vm)
{
    (void)vm;
    return (struct pollfd){-1, 0, 0};
}

const struct launch_source launch_from_pipes = {
    .log_stream = LAUNCH_LOG,
    .start = start,
    .tend = tend,
    .must_wait = must_wait,
    .ready = ready,
    .more = more,
};
