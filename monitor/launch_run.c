/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a VMM as a child: its three channels and its own words come over pipes and go on to standard
 * output and standard error; a time-out and signals end it; nothing of it outlives this process.
 * Runs on the one thread of the command.
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
#include "json.h"
#include "launch.h"
#include "launch_backlog.h"
#include "launch_child.h"
#include "launch_console.h"
#include "launch_devices.h"
#include "say.h"

/* A pipe takes so much without blocking when poll says that it can be written. */
#define CHUNK_BYTES 4096u

#define LAST_WORDS_NS 500000000u
#define NS_PER_SEC 1000000000u
/* The last words of a guest whose end was told on another way than its console: so long after the
 * last of them, or at its mark. */
#define QUIET_NS 2000000000ull

/* QEMU sends byte by byte. Who reads each of them keeps it waking somebody; who comes back so much
 * later finds them all. A mark is short and may be the guest's last word. */
#define NAP_NS 1000000u
#define NAP_AMID_MARK_NS 50000u

/* QEMU has opened its ports some time after its start: how often to look, and for how long. */
#define PORTS_STEP_NS 10000000u
#define PORTS_TRIES 1000u

/* The same for a console that is a file. */
#define CONSOLE_STEP_NS 10000000u
#define CONSOLE_TRIES 6000u

/* Who makes a VM is not killed amid that, because what there is of it then may have no name yet, but when
 * it is made; so long is waited for that. */
#define MAKING_NS 30000000000ull

/* What is read from `from` waits in `waiting` until `to` takes it; only then is more read. */
struct stream {
    int from; /* -1: it has ended */
    int to;
    bool to_failed; /* nobody reads there: the rest is dropped */
    struct text waiting;
    size_t done;    /* of waiting */
    bool amid_line; /* what was written last ended no line */
};

struct child {
    pid_t pid;
    bool ended;
    int wait_status;
    int signals; /* signalfd */
    struct stream streams[LAUNCH_STREAM_COUNT];
    uint64_t nap_end_ns;  /* CLOCK_MONOTONIC; 0: awake */
    bool log_naps;        /* with the others: it was read last; otherwise it wakes them */
    int ports;            /* that QEMU forwards */
    unsigned ports_tries; /* left to find them all listening */
    uint64_t ports_next_ns;
    struct launch_log log;
    struct launch_console console; /* where all channels come over it, as LAUNCH_OUT */
    unsigned console_tries;        /* left to open it; 0: it was opened, or there is none */
    uint64_t console_next_ns;
    uint64_t heard_ns; /* when it was read last */
    char words[512];   /* the VMM's own line that has begun */
    size_t words_length;
    bool spoke;
    uint64_t main_ns; /* when the guest told its stamps first */
    bool vm_ended;    /* vmm->end_vm was called */
    uint64_t
        kill_ns; /* when it is killed if the VM was not made before; 0: it need not be killed */
};

/* --- the streams --- */

static void end_words(struct launch *launch, struct child *child)
{
    child->words[child->words_length] = 0;
    if (child->words_length && !(launch->vmm->hear && launch->vmm->hear(launch, child->words))) {
        say("%s", child->words);
        child->spoke = true;
    }
    child->words_length = 0;
}

/* The VMM's own words become lines of ours. */
static void take_words(struct launch *launch, struct child *child, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n' || child->words_length == sizeof child->words - 1)
            end_words(launch, child);
        if (bytes[i] != '\n')
            child->words[child->words_length++] = bytes[i];
    }
}

/* What the log's reader lets go of is on its way out. */
static void pass_log(struct child *child)
{
    struct text *text = &child->log.out;

    if (text->length)
        text_add(&child->streams[LAUNCH_LOG].waiting, text->bytes, text->length);
    text->length = 0;
}

static void end_stream(struct launch *launch, struct child *child, int which)
{
    struct stream *stream = &child->streams[which];

    close(stream->from);
    stream->from = -1;
    if (which == LAUNCH_OUT)
        child->console.fd = -1;
    if (which == LAUNCH_WORDS)
        end_words(launch, child);
    if (which == (launch->vmm->one_console ? LAUNCH_OUT : LAUNCH_LOG)) {
        launch_log_finish(&child->log);
        pass_log(child);
    }
}

static void end_vm(struct launch *launch, struct child *child)
{
    if (launch->vmm->end_vm && !child->vm_ended)
        launch->vmm->end_vm(launch);
    child->vm_ended = true;
}

/* The whole group: what the child has started, too. */
static void kill_now(struct launch *launch, struct child *child)
{
    child->kill_ns = 0;
    if (!child->ended)
        kill(-child->pid, SIGKILL);
    end_vm(launch, child);
}

/* At once, or as soon as the VM is made; asked for the second time, at once. */
static void kill_child(struct launch *launch, struct child *child)
{
    if (launch->running_ns || child->ended || child->kill_ns)
        kill_now(launch, child);
    else
        child->kill_ns = monotonic_ns() + MAKING_NS;
}

/* How long a kill is still put off, in ns. */
static uint64_t kill_left_ns(struct launch *launch, struct child *child)
{
    uint64_t now = monotonic_ns();

    if (!child->kill_ns)
        return UINT64_MAX;
    if (!launch->running_ns && !child->ended && now < child->kill_ns)
        return child->kill_ns - now;
    kill_now(launch, child);
    return UINT64_MAX;
}

static void take_channel(struct launch *launch, struct child *child, unsigned channel,
                         const char *bytes, size_t count)
{
    launch->written_bytes[channel] += count;
    if (channel != LAUNCH_LOG) {
        text_add(&child->streams[channel].waiting, bytes, count);
        return;
    }
    /* The first mark is that of main: it was made when the stamp was. */
    if (boot_trace && !child->main_ns && memchr(bytes, 1, count))
        child->main_ns = monotonic_ns();
    launch_log_feed(&child->log, bytes, count);
    pass_log(child);
}

static void take_console(struct launch *launch, struct child *child, const char *bytes,
                         size_t count)
{
    const char *run;
    size_t run_count, used;

    child->heard_ns = monotonic_ns();
    for (size_t at = 0; at < count; at += used) {
        used = launch_split_next(&child->console.split, bytes + at, count - at, &run, &run_count);
        take_channel(launch, child, child->console.split.channel, run, run_count);
    }
}

/* The log wakes from a nap that others began, because the guest's end is told there. */
static void nap_after(struct child *child, int which)
{
    child->log_naps = which == LAUNCH_LOG;
    child->nap_end_ns = monotonic_ns() + (child->log_naps && launch_log_amid_mark(&child->log)
                                              ? NAP_AMID_MARK_NS
                                              : NAP_NS);
}

static void read_stream(struct launch *launch, struct child *child, int which)
{
    char bytes[65536];
    ssize_t got = read(child->streams[which].from, bytes, sizeof bytes);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        end_stream(launch, child, which);
    } else if (which == LAUNCH_WORDS) {
        take_words(launch, child, bytes, (size_t)got);
    } else if (launch->vmm->one_console) {
        take_console(launch, child, bytes, (size_t)got);
    } else {
        take_channel(launch, child, (unsigned)which, bytes, (size_t)got);
        if (got < CHUNK_BYTES)
            nap_after(child, which);
        /* That was the guest's last word; QEMU's own way out only takes longer. */
        if (child->log.end != LAUNCH_END_NONE)
            kill_child(launch, child);
    }
}

static void write_stream(struct stream *stream)
{
    size_t left = stream->waiting.length - stream->done;
    ssize_t put = write(stream->to, stream->waiting.bytes + stream->done,
                        left < CHUNK_BYTES ? left : CHUNK_BYTES);

    if (put < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (put < 0)
        stream->to_failed = true;
    else
        stream->done += (size_t)put;
    if (put > 0)
        stream->amid_line = stream->waiting.bytes[stream->done - 1] != '\n';
}

static bool is_waiting(struct stream *stream)
{
    if (stream->to_failed || stream->done == stream->waiting.length)
        stream->done = stream->waiting.length = 0;
    return stream->waiting.length != 0;
}

/* --- running --- */

static void end_launch(struct launch *launch, const char *cause, int status)
{
    if (launch->cause)
        return;
    launch->cause = cause;
    launch->status = status;
}

static void take_signal(struct launch *launch, struct child *child)
{
    struct signalfd_siginfo info;

    if (read(child->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGCHLD) {
        if (wait4(child->pid, &child->wait_status, WNOHANG, &launch->usage) == child->pid)
            child->ended = true;
        return;
    }
    end_launch(launch, "signal", info.ssi_signo == SIGINT ? STATUS_INTERRUPTED : STATUS_TERMINATED);
    kill_child(launch, child);
}

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

/* Looks for the forwarded ports, now and then, until all are there. */
static void widen_ports(struct child *child, uint64_t now)
{
    if (!child->ports_tries || now < child->ports_next_ns || child->ended)
        return;
    int found = launch_backlog_widen(child->pid);
    child->ports_tries = found < 0 || found >= child->ports ? 0 : child->ports_tries - 1;
    child->ports_next_ns = now + PORTS_STEP_NS;
}

/* Looks for a console that is a file, now and then, until it is there. */
static void open_console(struct launch *launch, struct child *child, uint64_t now)
{
    struct stream *stream = &child->streams[LAUNCH_OUT];

    if (!child->console_tries || !launch->running_ns || now < child->console_next_ns)
        return;
    int fd = launch->vmm->open_console(launch);
    child->console_tries--;
    child->console_next_ns = now + CONSOLE_STEP_NS;
    if (fd < 0 && (fd != -EAGAIN || !child->console_tries)) {
        say("the guest's console cannot be opened: %s", strerror(-fd));
        child->console_tries = 0;
        end_launch(launch, "monitor", STATUS_MONITOR);
        kill_child(launch, child);
    }
    if (fd < 0)
        return;
    if (stream->from >= 0)
        close(stream->from);
    stream->from = child->console.fd = fd;
    child->console_tries = 0;
    child->heard_ns = now;
}

/* The guest has ended, but the VM is kept until all its words are here: in ns, 0: they are. */
static uint64_t words_left_ns(const struct launch *launch, const struct child *child)
{
    uint64_t quiet_ns = monotonic_ns() - child->heard_ns;

    if (child->console_tries && !launch->cause)
        return CONSOLE_STEP_NS;
    if (child->log.end != LAUNCH_END_NONE || quiet_ns >= QUIET_NS || launch->cause)
        return 0;
    return QUIET_NS - quiet_ns;
}

/* How long the next wait may take, in nanoseconds. After a forced end nobody waits long for a
 * reader that does not read. */
static uint64_t time_left_ns(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    uint64_t now = monotonic_ns(), left = kill_left_ns(launch, child);

    if (launch->cause && child->ended)
        return LAST_WORDS_NS;
    open_console(launch, child, now);
    if (child->console_tries && launch->running_ns && CONSOLE_STEP_NS < left)
        left = CONSOLE_STEP_NS;
    if (launch->guest_ended && !child->vm_ended)
        return words_left_ns(launch, child) + 1;
    if (deadline_ns && !launch->cause && !launch->guest_ended) {
        if (now >= deadline_ns) {
            end_launch(launch, "timeout", STATUS_TIMEOUT);
            kill_child(launch, child);
        } else {
            left = deadline_ns - now < left ? deadline_ns - now : left;
        }
    }
    widen_ports(child, now);
    if (child->ports_tries && PORTS_STEP_NS < left)
        left = PORTS_STEP_NS;
    if (now < child->nap_end_ns && child->nap_end_ns - now < left)
        return child->nap_end_ns - now;
    if (now >= child->nap_end_ns)
        child->nap_end_ns = 0;
    return left;
}

/* What to wait for in a stream: to write what came of it, or to read. */
static struct pollfd poll_stream(const struct launch *launch, struct child *child, int which)
{
    struct stream *streams = child->streams;
    bool naps = child->nap_end_ns && (which != LAUNCH_LOG || child->log_naps);
    /* Nothing more is read from a child that is about to end, until it has. */
    bool later = !launch->vmm->one_console && !child->ended &&
                 (naps || child->log.end != LAUNCH_END_NONE);

    if (is_waiting(&streams[which]))
        return (struct pollfd){streams[which].to, POLLOUT, 0};
    /* One console is read when all that came of it is gone. */
    if (launch->vmm->one_console && which == LAUNCH_OUT)
        later = is_waiting(&streams[LAUNCH_ERR]) || is_waiting(&streams[LAUNCH_LOG]);
    return (struct pollfd){later ? -1 : streams[which].from, POLLIN, 0};
}

/* In which order the streams are served: the kernel's log before the program's standard error, which
 * often speaks of what was logged, but not amid a line of it. */
static const int *served_order(const struct child *child)
{
    static const int log_first[] = {LAUNCH_OUT, LAUNCH_LOG, LAUNCH_ERR, LAUNCH_WORDS};
    static const int line_first[] = {LAUNCH_OUT, LAUNCH_ERR, LAUNCH_LOG, LAUNCH_WORDS};

    return child->streams[LAUNCH_ERR].amid_line ? line_first : log_first;
}

/* The rest of a line on standard error has come and will be written in the next turn: so long the log
 * stays back. */
static bool must_stay_back(struct child *child, int which)
{
    struct stream *error = &child->streams[LAUNCH_ERR];

    return which == LAUNCH_LOG && error->amid_line && is_waiting(error);
}

/* One wait, and what it brought. False when all has ended. */
static bool turn(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    struct pollfd polls[LAUNCH_STREAM_COUNT + 2];
    bool open = !child->ended;

    if (launch->guest_ended && !child->vm_ended && words_left_ns(launch, child) == 0)
        end_vm(launch, child);
    uint64_t left_ns = time_left_ns(launch, child, deadline_ns);
    struct timespec left = {(time_t)(left_ns / NS_PER_SEC), (long)(left_ns % NS_PER_SEC)};
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++) {
        polls[i] = poll_stream(launch, child, i);
        open = open || polls[i].fd >= 0;
    }
    polls[LAUNCH_STREAM_COUNT] = (struct pollfd){child->signals, POLLIN, 0};
    polls[LAUNCH_STREAM_COUNT + 1] = launch_console_poll(&child->console);
    if (!open)
        return false;
    int ready = ppoll(polls, LAUNCH_STREAM_COUNT + 2, left_ns == UINT64_MAX ? NULL : &left, NULL);
    if (ready <= 0)
        return ready < 0 || !launch->cause || !child->ended;
    const int *order = served_order(child);
    bool woken = child->nap_end_ns != 0;
    for (int at = 0; at < LAUNCH_STREAM_COUNT; at++) {
        int i = order[at];
        if (polls[i].fd < 0 || !polls[i].revents)
            continue;
        if (polls[i].events != POLLOUT && woken)
            child->nap_end_ns = 0; /* what the others have comes first: in the next turn */
        else if (polls[i].events != POLLOUT)
            read_stream(launch, child, i);
        else if (!must_stay_back(child, i))
            write_stream(&child->streams[i]);
    }
    if (polls[LAUNCH_STREAM_COUNT + 1].revents)
        launch_console_feed(&child->console);
    if (polls[LAUNCH_STREAM_COUNT].revents)
        take_signal(launch, child);
    return true;
}

/* A crash that the guest could not report. */
static void report_for(struct launch *launch, struct child *child)
{
    launch_log_feed(&child->log, launch->report.bytes, launch->report.length);
    if (child->log.out.length)
        say_raw("%s", child->log.out.bytes);
    child->log.out.length = 0;
}

/* The guest's own word counts first. QEMU's exit device yields 2N + 1 for N below 128, so that 1
 * without a word may be QEMU's failure, too. */
static void judge(struct launch *launch, struct child *child)
{
    const char *path = launch->image.path, *name = launch->vmm->name;
    bool crashed = launch->guest_crashed || child->log.reported;
    int wait_status = child->wait_status, status = launch->guest_status;
    bool exited = WIFEXITED(wait_status), qemu = !launch->vmm->one_console;

    if (status < 0 && child->log.end == LAUNCH_END_EXIT)
        status = child->log.status;
    if (launch->cause)
        return;
    if (status >= 0 && !launch->guest_crashed) {
        end_launch(launch, crashed && status == STATUS_CRASH ? "crash" : "exit", status);
    } else if (crashed) {
        if (!child->log.reported && launch->report.length)
            report_for(launch, child);
        else if (!child->log.reported)
            say("%s: crash: the guest ended without a word", path);
        end_launch(launch, "crash", STATUS_CRASH);
    } else if (qemu && exited && WEXITSTATUS(wait_status) > 1 && WEXITSTATUS(wait_status) % 2) {
        end_launch(launch, "exit", WEXITSTATUS(wait_status) >> 1);
    } else if (launch->guest_ended || (qemu && exited && WEXITSTATUS(wait_status) == 0)) {
        say("%s: crash: the machine was reset or switched off without a status", path);
        end_launch(launch, "crash", STATUS_CRASH);
    } else {
        if (WIFSIGNALED(wait_status))
            say("%s was ended by signal %d", name, WTERMSIG(wait_status));
        else if (!child->spoke)
            say("%s ended with status %d and said nothing", name, WEXITSTATUS(wait_status));
        end_launch(launch, "monitor", STATUS_MONITOR);
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

void launch_run(struct launch *launch, char *const *words)
{
    static struct child child;
    sigset_t ours, before;
    uint64_t timeout_ns = launch->options->timeout_ns;

    bool one_console = launch->vmm->one_console;
    int from[LAUNCH_STREAM_COUNT] = {-1, -1, -1, -1};

    child.log.path = launch->image.path;
    child.log.file = launch->image.file;
    child.log.elf = &launch->image.elf;
    child.log.take_profile = take_profile;
    child.log.profile_context = &launch->profile;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, &before);
    child.signals = signalfd(-1, &ours, SFD_CLOEXEC);
    int result = child.signals < 0 ? -errno
                                   : launch_child_start(words, one_console ? -1 : launch->input.fd,
                                                        one_console, &before, from, &child.pid);
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        child.streams[i] = (struct stream){.from = from[i],
                                           .to = i == LAUNCH_OUT ? STDOUT_FILENO : STDERR_FILENO};
    if (result) {
        say_start_error(launch->vmm, words[0], -result);
        end_launch(launch, "monitor", STATUS_MONITOR);
        return;
    }
    boot_trace_mark(BOOT_VM);
    child.ports = count_ports(launch);
    child.ports_tries = child.ports ? PORTS_TRIES : 0;
    child.heard_ns = monotonic_ns();
    child.console.fd = -1;
    child.console.input = launch->input.fd;
    child.console_tries = one_console ? CONSOLE_TRIES : 0;
    while (turn(launch, &child,
                timeout_ns && launch->running_ns ? launch->running_ns + timeout_ns : 0))
        ;
    judge(launch, &child);
    if (boot_trace && child.main_ns && child.log.stamped)
        boot_trace_guest(child.log.stamps, PVN_STAMP_MAIN, child.main_ns, (uint32_t)child.log.mul,
                         (int8_t)child.log.shift);
    launch->counted = child.log.counted;
    launch->kicks = child.log.kicks;
    launch->upcalls = child.log.upcalls;
    launch->waits = child.log.waits;
    launch->pages_counted = child.log.pages_counted;
    launch->pages = child.log.pages;
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        text_free(&child.streams[i].waiting);
    text_free(&child.log.out);
    text_free(&launch->report);
}
