/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a VMM as a child: its three channels and its own words come as its launch_source says and go on
 * to standard output and standard error; a time-out and signals end it; nothing of it outlives this
 * process. Runs on the one thread of the command.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_trace.h"
#include "event.h"
#include "launch_vm.h"
#include "say.h"

#define LAST_WORDS_NS 500000000u
#define NS_PER_SEC 1000000000u

void launch_end(struct launch *launch, const char *cause, int status)
{
    if (launch->cause)
        return;
    launch->cause = cause;
    launch->status = status;
}

void launch_vm_end(struct launch *launch, struct launch_vm *vm)
{
    if (launch->vmm->end_vm && !vm->vm_ended)
        launch->vmm->end_vm(launch);
    vm->vm_ended = true;
}

/* The whole group: what the child has started, too. */
void launch_vm_kill(struct launch *launch, struct launch_vm *vm)
{
    if (!vm->ended)
        kill(-vm->pid, SIGKILL);
    launch_vm_end(launch, vm);
}

static void take_signal(struct launch *launch, struct launch_vm *vm)
{
    struct signalfd_siginfo info;

    if (read(vm->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGCHLD) {
        if (wait4(vm->pid, &vm->wait_status, WNOHANG, &launch->usage) == vm->pid)
            vm->ended = true;
        return;
    }
    launch_end(launch, "signal", info.ssi_signo == SIGINT ? STATUS_INTERRUPTED : STATUS_TERMINATED);
    launch_vm_kill(launch, vm);
}

/* How long the next wait may take, in nanoseconds. After a forced end nobody waits long for a
 * reader that does not read. */
static uint64_t time_left_ns(struct launch *launch, struct launch_vm *vm)
{
    uint64_t now = monotonic_ns(), timeout_ns = launch->options->timeout_ns, left, deadline_ns;

    if (launch->cause && vm->ended)
        return LAST_WORDS_NS;
    left = vm->source->tend(launch, vm, now);
    if (!timeout_ns || !launch->running_ns || launch->cause || launch->guest_ended)
        return left;
    deadline_ns = launch->running_ns + timeout_ns;
    if (now < deadline_ns)
        return deadline_ns - now < left ? deadline_ns - now : left;
    launch_end(launch, "timeout", STATUS_TIMEOUT);
    launch_vm_kill(launch, vm);
    return left;
}

/* What one wait brought for the streams. */
static void serve_streams(struct launch *launch, struct launch_vm *vm, const struct pollfd *polls)
{
    const int *order = launch_vm_order(vm);

    for (int at = 0; at < LAUNCH_STREAM_COUNT; at++) {
        int i = order[at];
        if (polls[i].fd < 0 || !polls[i].revents)
            continue;
        if (polls[i].events == POLLOUT)
            launch_vm_write(vm, i);
        else
            vm->source->ready(launch, vm, i);
    }
}

/* One wait, and what it brought. False when all has ended. */
static bool turn(struct launch *launch, struct launch_vm *vm)
{
    struct pollfd polls[LAUNCH_STREAM_COUNT + 2];
    struct pollfd *signals = &polls[LAUNCH_STREAM_COUNT], *more = signals + 1;
    uint64_t left_ns = time_left_ns(launch, vm);
    struct timespec left = {(time_t)(left_ns / NS_PER_SEC), (long)(left_ns % NS_PER_SEC)};
    bool open = !vm->ended;

    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++) {
        polls[i] = launch_vm_poll(vm, i);
        open = open || polls[i].fd >= 0;
    }
    if (!open)
        return false;
    *signals = (struct pollfd){vm->signals, POLLIN, 0};
    *more = vm->source->more(vm);
    int ready = ppoll(polls, LAUNCH_STREAM_COUNT + 2, left_ns == UINT64_MAX ? NULL : &left, NULL);
    if (ready <= 0)
        return ready < 0 || !launch->cause || !vm->ended;
    serve_streams(launch, vm, polls);
    if (more->revents)
        vm->source->more_ready(vm);
    if (signals->revents)
        take_signal(launch, vm);
    return true;
}

/* A crash that the guest could not report. */
static void report_for(struct launch *launch, struct launch_vm *vm)
{
    launch_log_feed(&vm->log, launch->report.bytes, launch->report.length);
    if (vm->log.out.length)
        say_raw("%s", vm->log.out.bytes);
    vm->log.out.length = 0;
}

/* The guest's own word counts first. QEMU's exit device yields 2N + 1 for N below 128, so that 1
 * without a word may be QEMU's failure, too. */
static void judge(struct launch *launch, struct launch_vm *vm)
{
    const char *path = launch->image.path, *name = launch->vmm->name;
    bool crashed = launch->guest_crashed || vm->log.reported;
    int wait_status = vm->wait_status, status = launch->guest_status;
    bool exited = WIFEXITED(wait_status), qemu = !launch->vmm->one_console;

    if (status < 0 && vm->log.end == LAUNCH_END_EXIT)
        status = vm->log.status;
    if (launch->cause)
        return;
    if (status >= 0 && !launch->guest_crashed) {
        launch_end(launch, crashed && status == STATUS_CRASH ? "crash" : "exit", status);
    } else if (crashed) {
        if (!vm->log.reported && launch->report.length)
            report_for(launch, vm);
        else if (!vm->log.reported)
            say("%s: crash: the guest ended without a word", path);
        launch_end(launch, "crash", STATUS_CRASH);
    } else if (qemu && exited && WEXITSTATUS(wait_status) > 1 && WEXITSTATUS(wait_status) % 2) {
        launch_end(launch, "exit", WEXITSTATUS(wait_status) >> 1);
    } else if (launch->guest_ended || (qemu && exited && WEXITSTATUS(wait_status) == 0)) {
        say("%s: crash: the machine was reset or switched off without a status", path);
        launch_end(launch, "crash", STATUS_CRASH);
    } else {
        if (WIFSIGNALED(wait_status))
            say("%s was ended by signal %d", name, WTERMSIG(wait_status));
        else if (!vm->spoke)
            say("%s ended with status %d and said nothing", name, WEXITSTATUS(wait_status));
        launch_end(launch, "monitor", STATUS_MONITOR);
    }
}

static bool take_profile(void *file, const char *line, size_t length)
{
    return profile_file_take(file, line, length);
}

static void say_start_error(const struct launch_vmm *vmm, const char *program, int error)
{
    if (error == ENOENT && !strchr(program, '/'))
        say("%s: not found in PATH (the package %s has it)", program, vmm->package);
    else
        say("%s: %s", program, strerror(error));
}

/* SIGCHLD, SIGINT and SIGTERM come over vm->signals from now on. 0, or a negative errno. */
static int take_signals(struct launch_vm *vm, sigset_t *before)
{
    sigset_t ours;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, before);
    vm->signals = signalfd(-1, &ours, SFD_CLOEXEC);
    return vm->signals < 0 ? -errno : 0;
}

static int start_vm(struct launch *launch, struct launch_vm *vm, char *const *words)
{
    bool one_console = launch->vmm->one_console;
    int from[LAUNCH_STREAM_COUNT] = {-1, -1, -1, -1};
    sigset_t before;

    vm->source = one_console ? &launch_from_console : &launch_from_pipes;
    vm->log.path = launch->image.path;
    vm->log.file = launch->image.file;
    vm->log.elf = &launch->image.elf;
    vm->log.take_profile = take_profile;
    vm->log.profile_context = &launch->profile;
    int result = take_signals(vm, &before);
    if (!result)
        result = launch_child_start(words, one_console ? -1 : launch->input.fd, one_console,
                                    &before, from, &vm->pid);
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        vm->streams[i] = (struct launch_stream){
            .from = from[i], .to = i == LAUNCH_OUT ? STDOUT_FILENO : STDERR_FILENO};
    if (!result) {
        boot_trace_mark(BOOT_VM);
        vm->source->start(launch, vm);
    }
    return result;
}

void launch_run(struct launch *launch, char *const *words)
{
    static struct launch_vm vm;
    const struct launch_log *log = &vm.log;
    int result = start_vm(launch, &vm, words);

    if (result) {
        say_start_error(launch->vmm, words[0], -result);
        launch_end(launch, "monitor", STATUS_MONITOR);
        return;
    }
    while (turn(launch, &vm))
        ;
    judge(launch, &vm);
    if (boot_trace && vm.main_ns && log->stamped)
        boot_trace_guest(log->stamps, PVN_STAMP_MAIN, vm.main_ns, (uint32_t)log->mul,
                         (int8_t)log->shift);
    launch->counted = log->counted;
    launch->kicks = log->kicks;
    launch->upcalls = log->upcalls;
    launch->waits = log->waits;
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        text_free(&vm.streams[i].waiting);
    text_free(&vm.log.out);
    text_free(&launch->report);
}
