/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a VMM as a child: its three channels and its own words come over pipes and go on to standard
 * output and standard error; a time-out and signals end it; nothing of it outlives this process.
 * Runs on the one thread of the command.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event.h"
#include "json.h"
#include "launch.h"
#include "launch_split.h"
#include "say.h"

enum { OUT, ERR, LOG, WORDS, STREAM_COUNT };

/* The channels' numbers in the child; its own words are its standard error. */
#define CHILD_FD 3
const struct launch_channels launch_run_channels = {"/dev/fd/3", "/dev/fd/4", "/dev/fd/5"};

/* A pipe takes so much without blocking when poll says that it can be written. */
#define CHUNK_BYTES 4096u

#define LAST_WORDS_MS 500
/* The last words of a guest whose end was told on another way than its console: so long after the
 * last of them, or at its mark. */
#define QUIET_NS 2000000000ull

/* What is read from `from` waits in `waiting` until `to` takes it; only then is more read. */
struct stream {
    int from; /* -1: it has ended */
    int to;
    bool to_failed; /* nobody reads there: the rest is dropped */
    struct text waiting;
    size_t done; /* of waiting */
};

struct child {
    pid_t pid;
    bool ended;
    int wait_status;
    int signals; /* signalfd */
    struct stream streams[STREAM_COUNT];
    struct launch_log log;
    struct launch_split split; /* where all channels come over OUT */
    uint64_t heard_ns;         /* when it was read last */
    char words[512];           /* the VMM's own line that has begun */
    size_t words_length;
    bool spoke;
    bool vm_ended; /* vmm->end_vm was called */
};

/* --- starting --- */

/* In the child, which shares nothing but descriptors with the parent from here on. */
static void become(const int ends[STREAM_COUNT], int report, char *const *words, bool one_console,
                   pid_t parent, const sigset_t *signals)
{
    int high[STREAM_COUNT], null = open("/dev/null", O_RDWR | O_CLOEXEC);

    struct rlimit files;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STATUS_MONITOR);
    /* A Ctrl-C of the terminal is for the parent alone, which then ends this one. */
    setpgid(0, 0);
    report = fcntl(report, F_DUPFD_CLOEXEC, 32);
    for (int i = 0; i < STREAM_COUNT; i++)
        high[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 32);
    for (int i = 0; i < WORDS && !one_console; i++)
        dup2(high[i], CHILD_FD + i);
    dup2(null, STDIN_FILENO);
    dup2(one_console ? high[OUT] : null, STDOUT_FILENO);
    dup2(high[WORDS], STDERR_FILENO);
    /* User-mode networking takes one descriptor for each connection. */
    if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, signals, NULL);
    execvp(words[0], words);
    int error = errno;
    ssize_t written = write(report, &error, sizeof error);
    (void)written;
    _exit(STATUS_MONITOR);
}

/* 0 once the child runs the program, else why it does not. */
static int await_exec(struct child *child, int report)
{
    int error = 0;
    ssize_t got;

    while ((got = read(report, &error, sizeof error)) < 0 && errno == EINTR)
        ;
    if (got != (ssize_t)sizeof error)
        return 0;
    waitpid(child->pid, &child->wait_status, 0);
    child->ended = true;
    return -error;
}

static int start_child(struct child *child, char *const *words, bool one_console,
                       const sigset_t *signals)
{
    int ends[STREAM_COUNT] = {-1, -1, -1, -1}, report[2] = {-1, -1}, result = 0;
    pid_t parent = getpid();

    for (int i = 0; i < STREAM_COUNT && !result; i++) {
        int both[2];
        result = pipe2(both, O_CLOEXEC) ? -errno : 0;
        if (!result) {
            child->streams[i].from = both[0];
            ends[i] = both[1];
        }
    }
    if (!result && pipe2(report, O_CLOEXEC))
        result = -errno;
    if (!result) {
        child->pid = fork();
        if (child->pid == 0)
            become(ends, report[1], words, one_console, parent, signals);
        result = child->pid < 0 ? -errno : 0;
    }
    for (int i = 0; i < STREAM_COUNT; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    if (report[1] >= 0)
        close(report[1]);
    if (!result)
        result = await_exec(child, report[0]);
    if (report[0] >= 0)
        close(report[0]);
    return result;
}

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
        text_add(&child->streams[LOG].waiting, text->bytes, text->length);
    text->length = 0;
}

static void end_stream(struct launch *launch, struct child *child, int which)
{
    struct stream *stream = &child->streams[which];

    close(stream->from);
    stream->from = -1;
    if (which == WORDS)
        end_words(launch, child);
    if (which == (launch->vmm->one_console ? OUT : LOG)) {
        launch_log_finish(&child->log);
        pass_log(child);
    }
}

static void take_channel(struct launch *launch, struct child *child, unsigned channel,
                         const char *bytes, size_t count)
{
    launch->written_bytes[channel] += count;
    if (channel != LOG) {
        text_add(&child->streams[channel].waiting, bytes, count);
        return;
    }
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
        used = launch_split_next(&child->split, bytes + at, count - at, &run, &run_count);
        take_channel(launch, child, child->split.channel, run, run_count);
    }
}

static void read_stream(struct launch *launch, struct child *child, int which)
{
    char bytes[65536];
    ssize_t got = read(child->streams[which].from, bytes, sizeof bytes);

    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0)
        end_stream(launch, child, which);
    else if (which == WORDS)
        take_words(launch, child, bytes, (size_t)got);
    else if (launch->vmm->one_console)
        take_console(launch, child, bytes, (size_t)got);
    else
        take_channel(launch, child, (unsigned)which, bytes, (size_t)got);
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

static void end_vm(struct launch *launch, struct child *child)
{
    if (launch->vmm->end_vm && !child->vm_ended)
        launch->vmm->end_vm(launch);
    child->vm_ended = true;
}

/* The whole group: what the child has started, too. */
static void kill_child(struct launch *launch, struct child *child)
{
    if (!child->ended)
        kill(-child->pid, SIGKILL);
    end_vm(launch, child);
}

static void take_signal(struct launch *launch, struct child *child)
{
    struct signalfd_siginfo info;

    if (read(child->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGCHLD) {
        if (waitpid(child->pid, &child->wait_status, WNOHANG) == child->pid)
            child->ended = true;
        return;
    }
    end_launch(launch, "signal", info.ssi_signo == SIGINT ? STATUS_INTERRUPTED : STATUS_TERMINATED);
    kill_child(launch, child);
}

/* The guest has ended, but the VM is kept until all its words are here: in ns, 0: they are. */
static uint64_t words_left(const struct launch *launch, const struct child *child)
{
    uint64_t quiet_ns = monotonic_ns() - child->heard_ns;

    if (child->log.end != LAUNCH_END_NONE || quiet_ns >= QUIET_NS || launch->cause)
        return 0;
    return QUIET_NS - quiet_ns;
}

static int as_ms(uint64_t ns)
{
    return ns > 1000000000000ull ? 1000000 : (int)(ns / 1000000) + 1;
}

/* How long poll may wait, in ms: -1 for ever. After a forced end nobody waits long for a reader
 * that does not read. */
static int time_left(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    uint64_t now = monotonic_ns();

    if (launch->cause && child->ended)
        return LAST_WORDS_MS;
    if (launch->guest_ended && !child->vm_ended)
        return as_ms(words_left(launch, child));
    if (!deadline_ns || launch->cause || launch->guest_ended)
        return -1;
    if (now < deadline_ns)
        return as_ms(deadline_ns - now);
    end_launch(launch, "timeout", STATUS_TIMEOUT);
    kill_child(launch, child);
    return -1;
}

/* One wait, and what it brought. False when all has ended. */
static bool turn(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    struct pollfd polls[STREAM_COUNT + 1];
    bool open = !child->ended, reads_all = true;

    for (int i = STREAM_COUNT - 1; i >= 0; i--) {
        struct stream *stream = &child->streams[i];
        bool writing = is_waiting(stream);
        polls[i] = (struct pollfd){writing ? stream->to : stream->from, writing ? POLLOUT : POLLIN,
                                   0};
        open = open || polls[i].fd >= 0;
        if (writing && i != OUT && i != WORDS)
            reads_all = false;
    }
    if (launch->vmm->one_console && polls[OUT].events == POLLIN && !reads_all)
        polls[OUT].fd = -1; /* more of it would only wait */
    polls[STREAM_COUNT] = (struct pollfd){child->signals, POLLIN, 0};
    if (!open)
        return false;
    if (launch->guest_ended && !child->vm_ended && words_left(launch, child) == 0)
        end_vm(launch, child);
    int ready = poll(polls, STREAM_COUNT + 1, time_left(launch, child, deadline_ns));
    if (ready <= 0)
        return ready < 0 || !launch->cause || !child->ended;
    for (int i = 0; i < STREAM_COUNT; i++) {
        if (polls[i].fd < 0 || !polls[i].revents)
            continue;
        if (polls[i].events == POLLOUT)
            write_stream(&child->streams[i]);
        else
            read_stream(launch, child, i);
    }
    if (polls[STREAM_COUNT].revents)
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

    for (int i = 0; i < STREAM_COUNT; i++)
        child.streams[i] = (struct stream){.from = -1,
                                           .to = i == OUT ? STDOUT_FILENO : STDERR_FILENO};
    child.log.path = launch->image.path;
    child.log.file = launch->image.file;
    child.log.elf = &launch->image.elf;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, &before);
    child.signals = signalfd(-1, &ours, SFD_CLOEXEC);
    int result = child.signals < 0 ? -errno
                                   : start_child(&child, words, launch->vmm->one_console, &before);
    if (result) {
        say_start_error(launch->vmm, words[0], -result);
        end_launch(launch, "monitor", STATUS_MONITOR);
        return;
    }
    child.heard_ns = monotonic_ns();
    while (turn(launch, &child,
                timeout_ns && launch->running_ns ? launch->running_ns + timeout_ns : 0))
        ;
    judge(launch, &child);
    for (int i = 0; i < STREAM_COUNT; i++)
        text_free(&child.streams[i].waiting);
    text_free(&child.log.out);
    text_free(&launch->report);
}
