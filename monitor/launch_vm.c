/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The streams of a VMM that runs as a child: read, taken apart, written in an order that keeps lines
 * whole; see launch_vm.h. Runs on the one thread of the command.
 */
#include "launch_vm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "boot_trace.h"
#include "event.h"
#include "say.h"

/* A pipe takes so much without blocking when poll says that it can be written. */
#define CHUNK_BYTES 4096u

static void end_words(struct launch *launch, struct launch_vm *vm)
{
    vm->words[vm->words_length] = 0;
    if (vm->words_length && !(launch->vmm->hear && launch->vmm->hear(launch, vm->words))) {
        say("%s", vm->words);
        vm->spoke = true;
    }
    vm->words_length = 0;
}

/* The VMM's own words become lines of ours. */
static void take_words(struct launch *launch, struct launch_vm *vm, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n' || vm->words_length == sizeof vm->words - 1)
            end_words(launch, vm);
        if (bytes[i] != '\n')
            vm->words[vm->words_length++] = bytes[i];
    }
}

/* What the log's reader lets go of is on its way out. */
static void pass_log(struct launch_vm *vm)
{
    struct text *text = &vm->log.out;

    if (text->length)
        text_add(&vm->streams[LAUNCH_LOG].waiting, text->bytes, text->length);
    text->length = 0;
}

static void end_stream(struct launch *launch, struct launch_vm *vm, int which)
{
    struct launch_stream *stream = &vm->streams[which];

    close(stream->from);
    stream->from = -1;
    if (which == LAUNCH_WORDS)
        end_words(launch, vm);
    if (which == vm->source->log_stream) {
        launch_log_finish(&vm->log);
        pass_log(vm);
    }
}

size_t launch_vm_read(struct launch *launch, struct launch_vm *vm, int which, char *bytes,
                      size_t count)
{
    ssize_t got = read(vm->streams[which].from, bytes, count);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (got <= 0) {
        end_stream(launch, vm, which);
        return 0;
    }
    if (which != LAUNCH_WORDS)
        return (size_t)got;
    take_words(launch, vm, bytes, (size_t)got);
    return 0;
}

void launch_vm_take(struct launch *launch, struct launch_vm *vm, unsigned channel,
                    const char *bytes, size_t count)
{
    launch->written_bytes[channel] += count;
    if (channel != LAUNCH_LOG) {
        text_add(&vm->streams[channel].waiting, bytes, count);
        return;
    }
    /* The first mark is that of main: it was made when the stamp was. */
    if (boot_trace && !vm->main_ns && memchr(bytes, 1, count))
        vm->main_ns = monotonic_ns();
    launch_log_feed(&vm->log, bytes, count);
    pass_log(vm);
}

bool launch_stream_is_waiting(const struct launch_stream *stream)
{
    return !stream->to_failed && stream->done != stream->waiting.length;
}

struct pollfd launch_vm_poll(struct launch_vm *vm, int which)
{
    struct launch_stream *stream = &vm->streams[which];

    if (launch_stream_is_waiting(stream))
        return (struct pollfd){stream->to, POLLOUT, 0};
    stream->done = stream->waiting.length = 0;
    return (struct pollfd){vm->source->must_wait(vm, which) ? -1 : stream->from, POLLIN, 0};
}

/* The rest of a line on standard error has come and will be written in the next turn: so long the log
 * stays back. */
static bool must_stay_back(const struct launch_vm *vm, int which)
{
    const struct launch_stream *error = &vm->streams[LAUNCH_ERR];

    return which == LAUNCH_LOG && error->amid_line && launch_stream_is_waiting(error);
}

void launch_vm_write(struct launch_vm *vm, int which)
{
    struct launch_stream *stream = &vm->streams[which];
    size_t left = stream->waiting.length - stream->done;

    if (must_stay_back(vm, which))
        return;
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

/* The kernel's log before the program's standard error, which often speaks of what was logged, but not
 * amid a line of it. */
const int *launch_vm_order(const struct launch_vm *vm)
{
    static const int log_first[] = {LAUNCH_OUT, LAUNCH_LOG, LAUNCH_ERR, LAUNCH_WORDS};
    static const int line_first[] = {LAUNCH_OUT, LAUNCH_ERR, LAUNCH_LOG, LAUNCH_WORDS};

    return vm->streams[LAUNCH_ERR].amid_line ? line_first : log_first;
}
