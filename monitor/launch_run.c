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
#include "say.h"

enum { OUT, ERR, LOG, WORDS, STREAM_COUNT };

/* The channels' numbers in the child; its own words are its standard error. */
#define CHILD_FD 3
const struct launch_channels launch_run_channels = {"/dev/fd/3", "/dev/fd/4", "/dev/fd/5"};

/* A pipe takes so much without blocking when poll says that it can be written. */
#define CHUNK_BYTES 4096u

#define LAST_WORDS_MS 500

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
    char words[512]; /* the VMM's own line that has begun */
    size_t words_length;
    bool spoke;
};

/* --- starting --- */

/* In the child, which shares nothing but descriptors with the parent from here on. */
static void become(const int ends[STREAM_COUNT], int input, int report, char *const *words,
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
    for (int i = 0; i < WORDS; i++)
        dup2(high[i], CHILD_FD + i);
    dup2(input >= 0 ? input : null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
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

static int start_child(struct child *child, int input, char *const *words, const sigset_t *signals)
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
            become(ends, input, report[1], words, parent, signals);
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

static void end_words(struct child *child)
{
    child->words[child->words_length] = 0;
    if (child->words_length) {
        say("%s", child->words);
        child->spoke = true;
    }
    child->words_length = 0;
}

/* The VMM's own words become lines of ours. */
static void take_words(struct child *child, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n' || child->words_length == sizeof child->words - 1)
            end_words(child);
        if (bytes[i] != '\n')
            child->words[child->words_length++] = bytes[i];
    }
}

static void end_stream(struct child *child, int which)
{
    struct stream *stream = &child->streams[which];

    close(stream->from);
    stream->from = -1;
    if (which == WORDS)
        end_words(child);
    if (which == LOG) {
        launch_log_finish(&child->log);
        if (child->log.out.length)
            text_add(&stream->waiting, child->log.out.bytes, child->log.out.length);
        child->log.out.length = 0;
    }
}

static void read_stream(struct launch *launch, struct child *child, int which)
{
    struct stream *stream = &child->streams[which];
    char bytes[65536];
    ssize_t got = read(stream->from, bytes, sizeof bytes);

    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        end_stream(child, which);
        return;
    }
    if (which == WORDS) {
        take_words(child, bytes, (size_t)got);
        return;
    }
    launch->written_bytes[which] += (uint64_t)got;
    if (which != LOG) {
        text_add(&stream->waiting, bytes, (size_t)got);
        return;
    }
    launch_log_feed(&child->log, bytes, (size_t)got);
    if (child->log.out.length)
        text_add(&stream->waiting, child->log.out.bytes, child->log.out.length);
    child->log.out.length = 0;
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

static void kill_child(const struct child *child)
{
    if (!child->ended)
        kill(child->pid, SIGKILL);
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
    kill_child(child);
}

/* How long poll may wait, in ms: -1 for ever. After a forced end nobody waits long for a reader
 * that does not read. */
static int time_left(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    uint64_t now = monotonic_ns();

    if (launch->cause && child->ended)
        return LAST_WORDS_MS;
    if (!deadline_ns || launch->cause)
        return -1;
    if (now < deadline_ns)
        return deadline_ns - now > 1000000000000ull ? 1000000
                                                    : (int)((deadline_ns - now) / 1000000) + 1;
    end_launch(launch, "timeout", STATUS_TIMEOUT);
    kill_child(child);
    return -1;
}

/* One wait, and what it brought. False when all has ended. */
static bool turn(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    struct pollfd polls[STREAM_COUNT + 1];
    bool open = !child->ended;

    for (int i = 0; i < STREAM_COUNT; i++) {
        struct stream *stream = &child->streams[i];
        bool writing = is_waiting(stream);
        polls[i] = (struct pollfd){writing ? stream->to : stream->from, writing ? POLLOUT : POLLIN,
                                   0};
        open = open || polls[i].fd >= 0;
    }
    polls[STREAM_COUNT] = (struct pollfd){child->signals, POLLIN, 0};
    if (!open)
        return false;
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

/* The guest's own word counts first. QEMU's exit device yields 2N + 1 for N below 128, so that 1
 * without a word may be QEMU's failure, too. */
static void judge(struct launch *launch, const struct child *child)
{
    int status = child->wait_status;
    const char *path = launch->image.path;

    if (launch->cause)
        return;
    if (child->log.end == LAUNCH_END_EXIT) {
        bool crash = child->log.reported && child->log.status == STATUS_CRASH;
        end_launch(launch, crash ? "crash" : "exit", child->log.status);
    } else if (child->log.reported) {
        end_launch(launch, "crash", STATUS_CRASH);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) > 1 && WEXITSTATUS(status) % 2) {
        end_launch(launch, "exit", WEXITSTATUS(status) >> 1);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        say("%s: crash: the machine was reset or switched off without a status", path);
        end_launch(launch, "crash", STATUS_CRASH);
    } else {
        if (WIFSIGNALED(status))
            say("QEMU was ended by signal %d", WTERMSIG(status));
        else if (!child->spoke)
            say("QEMU ended with status %d and said nothing", WEXITSTATUS(status));
        end_launch(launch, "monitor", STATUS_MONITOR);
    }
}

static void say_start_error(const char *program, int error)
{
    if (error == ENOENT && !strchr(program, '/'))
        say("%s: not found in PATH (the package qemu-system-x86 has it)", program);
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
    int result = child.signals < 0 ? -errno : start_child(&child, launch->input.fd, words, &before);
    if (result) {
        say_start_error(words[0], -result);
        end_launch(launch, "monitor", STATUS_MONITOR);
        return;
    }
    while (turn(launch, &child, timeout_ns ? launch->start_ns + timeout_ns : 0))
        ;
    judge(launch, &child);
    for (int i = 0; i < STREAM_COUNT; i++)
        text_free(&child.streams[i].waiting);
    text_free(&child.log.out);
}
