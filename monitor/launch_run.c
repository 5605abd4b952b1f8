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

#include "event.h"
#include "json.h"
#include "launch.h"
#include "launch_backlog.h"
#include "launch_child.h"
#include "launch_devices.h"
#include "say.h"

/* A pipe takes so much without blocking when poll says that it can be written. */
#define CHUNK_BYTES 4096u

#define LAST_WORDS_NS 500000000u
#define NS_PER_SEC 1000000000u

/* QEMU sends byte by byte. Who reads each of them keeps it waking somebody; who comes back so much
 * later finds them all. */
#define NAP_NS 1000000u

/* QEMU has opened its ports some time after its start: how often to look, and for how long. */
#define PORTS_STEP_NS 10000000u
#define PORTS_TRIES 1000u

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
    struct stream streams[LAUNCH_STREAM_COUNT];
    uint64_t nap_end_ns;  /* CLOCK_MONOTONIC; 0: awake */
    int ports;            /* that QEMU forwards */
    unsigned ports_tries; /* left to find them all listening */
    uint64_t ports_next_ns;
    struct launch_log log;
    char words[512]; /* the VMM's own line that has begun */
    size_t words_length;
    bool spoke;
};

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
    if (which == LAUNCH_WORDS)
        end_words(child);
    if (which == LAUNCH_LOG) {
        launch_log_finish(&child->log);
        if (child->log.out.length)
            text_add(&stream->waiting, child->log.out.bytes, child->log.out.length);
        child->log.out.length = 0;
    }
}

static void kill_child(const struct child *child)
{
    if (!child->ended)
        kill(child->pid, SIGKILL);
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
    if (which == LAUNCH_WORDS) {
        take_words(child, bytes, (size_t)got);
        return;
    }
    launch->written_bytes[which] += (uint64_t)got;
    if (got < CHUNK_BYTES)
        child->nap_end_ns = monotonic_ns() + NAP_NS;
    if (which != LAUNCH_LOG) {
        text_add(&stream->waiting, bytes, (size_t)got);
        return;
    }
    launch_log_feed(&child->log, bytes, (size_t)got);
    if (child->log.out.length)
        text_add(&stream->waiting, child->log.out.bytes, child->log.out.length);
    child->log.out.length = 0;
    /* That was the guest's last word; QEMU's own way out only takes longer. */
    if (child->log.end != LAUNCH_END_NONE)
        kill_child(child);
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
    kill_child(child);
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

/* How long the next wait may take, in nanoseconds. After a forced end nobody waits long for a
 * reader that does not read. */
static uint64_t time_left_ns(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    uint64_t now = monotonic_ns(), left = UINT64_MAX;

    if (launch->cause && child->ended)
        return LAST_WORDS_NS;
    if (deadline_ns && !launch->cause) {
        if (now >= deadline_ns) {
            end_launch(launch, "timeout", STATUS_TIMEOUT);
            kill_child(child);
        } else {
            left = deadline_ns - now;
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
static struct pollfd poll_stream(const struct child *child, struct stream *stream)
{
    /* Nothing more is read from a child that is about to end, until it has. */
    bool later = !child->ended && (child->nap_end_ns || child->log.end != LAUNCH_END_NONE);

    if (is_waiting(stream))
        return (struct pollfd){stream->to, POLLOUT, 0};
    return (struct pollfd){later ? -1 : stream->from, POLLIN, 0};
}

/* One wait, and what it brought. False when all has ended. */
static bool turn(struct launch *launch, struct child *child, uint64_t deadline_ns)
{
    struct pollfd polls[LAUNCH_STREAM_COUNT + 1];
    uint64_t left_ns = time_left_ns(launch, child, deadline_ns);
    struct timespec left = {(time_t)(left_ns / NS_PER_SEC), (long)(left_ns % NS_PER_SEC)};
    bool open = !child->ended;

    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++) {
        polls[i] = poll_stream(child, &child->streams[i]);
        open = open || polls[i].fd >= 0;
    }
    polls[LAUNCH_STREAM_COUNT] = (struct pollfd){child->signals, POLLIN, 0};
    if (!open)
        return false;
    int ready = ppoll(polls, LAUNCH_STREAM_COUNT + 1, left_ns == UINT64_MAX ? NULL : &left, NULL);
    if (ready <= 0)
        return ready < 0 || !launch->cause || !child->ended;
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++) {
        if (polls[i].fd < 0 || !polls[i].revents)
            continue;
        if (polls[i].events == POLLOUT)
            write_stream(&child->streams[i]);
        else
            read_stream(launch, child, i);
    }
    if (polls[LAUNCH_STREAM_COUNT].revents)
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

    int from[LAUNCH_STREAM_COUNT] = {-1, -1, -1, -1};

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
    int result = child.signals < 0
                     ? -errno
                     : launch_child_start(words, launch->input.fd, &before, from, &child.pid);
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        child.streams[i] = (struct stream){.from = from[i],
                                           .to = i == LAUNCH_OUT ? STDOUT_FILENO : STDERR_FILENO};
    if (result) {
        say_start_error(words[0], -result);
        end_launch(launch, "monitor", STATUS_MONITOR);
        return;
    }
    child.ports = count_ports(launch);
    child.ports_tries = child.ports ? PORTS_TRIES : 0;
    while (turn(launch, &child, timeout_ns ? launch->start_ns + timeout_ns : 0))
        ;
    judge(launch, &child);
    launch->counted = child.log.counted;
    launch->kicks = child.log.kicks;
    launch->upcalls = child.log.upcalls;
    launch->waits = child.log.waits;
    for (int i = 0; i < LAUNCH_STREAM_COUNT; i++)
        text_free(&child.streams[i].waiting);
    text_free(&child.log.out);
}
