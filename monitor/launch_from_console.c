/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The streams of a VMM that gives the guest one console: it is opened once it is there, taken apart, and
 * standard input goes into it (launch_vm.h, launch_console.h). The VMM tells the guest's end on another
 * way, so the VM is kept until its last words are here. Called by launch_run.c's loop.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "event.h"
#include "launch_vm.h"
#include "say.h"

/* How often to look for the console, and for how long. */
#define STEP_NS 10000000u
#define TRIES 6000u

/* A guest that has ended without a mark: so long after the last of its words it is believed that no
 * more are on their way. */
#define QUIET_NS 2000000000ull

static void start(const struct launch *launch, struct launch_vm *vm)
{
    vm->one.console.fd = -1;
    vm->one.console.input = launch->input.fd;
    vm->one.tries = TRIES;
    vm->one.heard_ns = monotonic_ns();
}

/* Looks for the console, now and then, until it is there. */
static void open_console(struct launch *launch, struct launch_vm *vm, uint64_t now)
{
    struct launch_stream *stream = &vm->streams[LAUNCH_OUT];
    struct launch_one_console *one = &vm->one;

    if (!one->tries || !launch->running_ns || now < one->next_ns)
        return;
    int fd = launch->vmm->open_console(launch);
    one->tries--;
    one->next_ns = now + STEP_NS;
    if (fd < 0 && (fd != -EAGAIN || !one->tries)) {
        say("the guest's console cannot be opened: %s", strerror(-fd));
        one->tries = 0;
        launch_end(launch, "monitor", STATUS_MONITOR);
        launch_vm_kill(launch, vm);
    }
    if (fd < 0)
        return;
    if (stream->from >= 0)
        close(stream->from);
    stream->from = one->console.fd = fd;
    one->tries = 0;
    one->heard_ns = now;
}

/* The guest has ended, but the VM is kept until all its words are here: in ns, 0: they are. */
static uint64_t words_left_ns(const struct launch *launch, const struct launch_vm *vm)
{
    uint64_t quiet_ns = monotonic_ns() - vm->one.heard_ns;

    if (vm->one.tries && !launch->cause)
        return STEP_NS;
    if (vm->log.end != LAUNCH_END_NONE || quiet_ns >= QUIET_NS || launch->cause)
        return 0;
    return QUIET_NS - quiet_ns;
}

static uint64_t tend(struct launch *launch, struct launch_vm *vm, uint64_t now)
{
    uint64_t left;

    open_console(launch, vm, now);
    if (launch->guest_ended && !vm->vm_ended) {
        left = words_left_ns(launch, vm);
        if (left)
            return left;
        launch_vm_end(launch, vm);
    }
    return vm->one.tries && launch->running_ns ? STEP_NS : UINT64_MAX;
}

/* The console is read when all that came of it is gone. */
static bool must_wait(const struct launch_vm *vm, int which)
{
    return which == LAUNCH_OUT && (launch_stream_is_waiting(&vm->streams[LAUNCH_ERR]) ||
                                   launch_stream_is_waiting(&vm->streams[LAUNCH_LOG]));
}

static void ready(struct launch *launch, struct launch_vm *vm, int which)
{
    char bytes[65536];
    const char *run;
    size_t run_count, used, got = launch_vm_read(launch, vm, which, bytes, sizeof bytes);
    struct launch_split *split = &vm->one.console.split;

    if (vm->streams[LAUNCH_OUT].from < 0)
        vm->one.console.fd = -1;
    vm->one.heard_ns = got ? monotonic_ns() : vm->one.heard_ns;
    for (size_t at = 0; at < got; at += used) {
        used = launch_split_next(split, bytes + at, got - at, &run, &run_count);
        launch_vm_take(launch, vm, split->channel, run, run_count);
    }
}

static struct pollfd more(struct launch_vm *vm)
{
    return launch_console_poll(&vm->one.console);
}

static void more_ready(struct launch_vm *vm)
{
    launch_console_feed(&vm->one.console);
}

const struct launch_source launch_from_console = {
    .log_stream = LAUNCH_OUT,
    .start = start,
    .tend = tend,
    .must_wait = must_wait,
    .ready = ready,
    .more = more,
    .more_ready = more_ready,
};
