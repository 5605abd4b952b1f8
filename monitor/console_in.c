/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standard input as a stream device with one receive queue. Input is read only into buffers that
 * the guest has posted, so that whoever runs after us in the same shell finds the rest; a used
 * buffer of length 0 is the end of the input. Runs on the loop's thread.
 */
#include "backends.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "json.h"
#include "loop.h"
#include "vring.h"

#define QUEUE_SIZE 16u

struct console_in {
    struct device device;
    struct loop *loop;
    int fd;            /* -1: there is no standard input, which is its end */
    bool always_ready; /* never blocks, and epoll refuses it: a file, /dev/null */
    bool may_block;    /* could not be made non-blocking: read once for each event of epoll */
    bool began;
    bool readable; /* epoll said so, and nothing was read since */
    bool held;     /* chain is a buffer of the guest that waits for input */
    struct vring_chain chain;
    uint64_t reads, bytes;
};

static ssize_t console_read(struct console_in *console)
{
    const struct vring_chain *chain = &console->chain;
    ssize_t got;

    if (console->fd < 0)
        return 0;
    if (console->may_block && !console->readable)
        return -EAGAIN;
    do
        got = readv(console->fd, chain->segments + chain->readable_count, chain->writable_count);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return -EAGAIN;
    /* A terminal that has hung up, a directory: nothing will come. */
    return got < 0 ? 0 : got;
}

/* Fills one buffer. 1, 0 when there is no buffer or no input, or -EPROTO. */
static int console_serve(struct console_in *console)
{
    struct vring *ring = console->device.rings[0];
    ssize_t got;

    if (!console->held) {
        int result = vring_next(ring, &console->chain);

        if (result <= 0)
            return result;
        if (console->chain.writable_bytes == 0) {
            device_fail(&console->device, "a buffer without room for input");
            return 0;
        }
        console->held = true;
    }
    got = console_read(console);
    if (got < 0)
        return 0;
    console->held = false;
    console->readable = false;
    console->reads++;
    console->bytes += (uint64_t)got;
    vring_use(ring, console->chain.head, (uint32_t)got);
    return 1;
}

static void console_run(void *context, uint32_t epoll_events)
{
    struct console_in *console = context;
    struct device *device = &console->device;
    struct vring *ring = device->rings[0];
    unsigned left = QUEUE_SIZE;
    int result;

    if (device->failed || !console->began)
        return;
    console->readable = epoll_events != 0;
    do {
        do
            result = console_serve(console);
        while (result > 0 && --left > 0);
        backend_publish(device, 0);
    } while (result == 0 && !device->failed && !console->held && vring_enable_doorbell(ring));
    if (result < 0)
        backend_fail_ring(device, 0);
    if (result > 0)
        loop_timer(console->loop, 0, console_run, console);
    if (!console->always_ready)
        loop_change(console->loop, console->fd,
                    console->held && !device->failed ? (uint32_t)EPOLLIN : 0);
}

static void console_kick(struct device *device, unsigned queue)
{
    struct console_in *console = (struct console_in *)device;
    uint64_t features;

    if (device->failed || queue != 0)
        return;
    if (!console->began && !backend_begin(device, &features))
        return;
    console->began = true;
    console_run(console, 0);
}

static int console_start(struct device *device, struct loop *loop)
{
    struct console_in *console = (struct console_in *)device;
    int result;

    console->loop = loop;
    if (console->fd < 0) {
        console->always_ready = true;
        return 0;
    }
    result = loop_watch(loop, console->fd, EPOLLIN, console_run, console);
    if (result == -EPERM) {
        console->always_ready = true;
        console->may_block = false;
        return 0;
    }
    if (result == 0)
        result = loop_change(loop, console->fd, 0);
    if (result < 0)
        backend_complain("run", "standard input", "%s", strerror(-result));
    return result;
}

static void console_stats(const struct device *device, struct json *out)
{
    const struct console_in *console = (const struct console_in *)device;

    json_u64(out, "reads", console->reads);
    json_u64(out, "read_bytes", console->bytes);
}

static void console_destroy(struct device *device)
{
    struct console_in *console = (struct console_in *)device;

    if (console->fd > STDIN_FILENO)
        close(console->fd);
    free(console);
}

static const struct device_ops console_ops = {
    .name = "console_in",
    .start = console_start,
    .kick = console_kick,
    .stats = console_stats,
    .destroy = console_destroy,
};

/*
 * Terminals and pipes are opened anew: O_NONBLOCK on the inherited description would change it for
 * the shell and all others that share it. A file is not, for its position is shared on purpose.
 */
static void console_open_input(struct console_in *console)
{
    struct stat status;
    int flags;

    console->fd = -1;
    if (fstat(STDIN_FILENO, &status) < 0 || S_ISDIR(status.st_mode))
        return;
    if (S_ISFIFO(status.st_mode) || isatty(STDIN_FILENO))
        console->fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (console->fd >= 0)
        return;
    console->fd = STDIN_FILENO;
    flags = fcntl(STDIN_FILENO, F_GETFL);
    console->may_block = !S_ISREG(status.st_mode) && flags >= 0 && (flags & O_NONBLOCK) == 0;
}

int console_in_open(struct device **out)
{
    struct console_in *console = calloc(1, sizeof(*console));

    if (console == NULL) {
        backend_complain("run", "standard input", "out of memory");
        return -ENOMEM;
    }
    console_open_input(console);
    console->device.ops = &console_ops;
    console->device.type = VIRTIO_ID_CONSOLE;
    console->device.features = VRING_FEATURES;
    console->device.queue_count = 1;
    console->device.queue_sizes[0] = QUEUE_SIZE;
    *out = &console->device;
    return 0;
}
