/* SPDX-License-Identifier: BSD-2-Clause */
/* --stats: counters of a VM as JSON, written once at the end. docs/coracle.1 lists the members. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "board.h"
#include "json.h"
#include "say.h"
#include "vm.h"

static const char *const hypercall_names[PVN_HC_COUNT] = {
    "exit", "wait", "write", "timer", "protect", "discard", "crash",
};
static const char *const channel_names[CHANNEL_COUNT] = {"stdout", "stderr", "log"};

int stats_open(const char *path)
{
    if (!strcmp(path, "-"))
        return STDERR_FILENO;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) {
        int error = errno;
        say("--stats %s: %s", path, strerror(error));
        return -error;
    }
    return fd;
}

static void write_counters(const struct vm *vm, struct json *json)
{
    const struct counters *counters = &vm->counters;
    const struct events *events = &vm->events;

    json_open_object(json, "exits");
    json_u64(json, "io", counters->exits_io);
    json_u64(json, "signal", counters->exits_signal);
    json_u64(json, "other", counters->exits_other);
    json_close_object(json);
    json_open_object(json, "hypercalls");
    for (unsigned i = 0; i < PVN_HC_COUNT; i++)
        json_u64(json, hypercall_names[i], counters->hypercalls[i]);
    json_close_object(json);
    json_open_object(json, "written_bytes");
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        json_u64(json, channel_names[i], counters->written_bytes[i]);
    json_close_object(json);
    json_u64(json, "events_raised", events->raised);
    json_u64(json, "kicks", events->kicks);
    json_u64(json, "upcalls", events->upcalls);
    json_u64(json, "waits", events->waits);
    json_u64(json, "wait_ns", events->wait_ns);
    json_u64(json, "protected_pages", counters->protected_pages);
    json_u64(json, "discarded_pages", counters->discarded_pages);
    json_u64(json, "start_to_guest_ns", counters->first_run_ns);
    json_u64(json, "start_to_end_ns", counters->end_ns);
}

static uint64_t nanoseconds(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000u;
}

void stats_add_usage(struct json *json, const struct rusage *usage)
{
    json_u64(json, "cpu_user_ns", nanoseconds(&usage->ru_utime));
    json_u64(json, "cpu_system_ns", nanoseconds(&usage->ru_stime));
    json_u64(json, "memory_peak_bytes", (uint64_t)usage->ru_maxrss << 10);
}

void stats_put(struct json *json, const char *path, int fd)
{
    const char *text = json_text(json);
    size_t length = text ? strlen(text) : 0;
    for (size_t done = 0; done < length;) {
        ssize_t written = write(fd, text + done, length - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            say("--stats %s: %s", path, strerror(errno));
            return;
        }
        done += (size_t)written;
    }
    if (length && write(fd, "\n", 1) < 0)
        say("--stats %s: %s", path, strerror(errno));
}

void stats_write(struct vm *vm, int fd)
{
    struct json json = {0};
    struct rusage usage;

    json_open_object(&json, NULL);
    json_string(&json, "image", vm->image.path);
    json_string(&json, "on", "native");
    json_string(&json, "cause", vm->cause);
    json_u64(&json, "status", (uint64_t)vm->status);
    json_u64(&json, "mem_bytes", vm->memory.ram_bytes);
    write_counters(vm, &json);
    if (!getrusage(RUSAGE_SELF, &usage))
        stats_add_usage(&json, &usage);
    board_write_stats(vm->board, &json);
    json_close_object(&json);

    stats_put(&json, vm->options->stats, fd);
    json_free(&json);
}
