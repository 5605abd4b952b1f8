/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O thread's event loop over epoll: watched descriptors, a handful of timers, and an eventfd
 * that ends it. Level-triggered. Only loop_stop may be called from other threads.
 */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 64
#define TIMERS_MAX 128 /* at most three a device */

/* Indexed by descriptor. */
struct watch {
    loop_callback callback; /* NULL: not watched */
    void *context;
    uint32_t epoll_events; /* 0: paused, and not in epoll's set, which would still tell hang-ups */
    uint32_t generation;   /* tells a reused number from one whose event is still in the batch */
};

struct timer {
    loop_callback callback; /* NULL: free */
    void *context;
    uint64_t deadline_ns; /* UINT64_MAX: not armed */
};

struct loop {
    int epoll_fd;
    int stop_fd;
    bool stopping;
    struct watch *watches;
    unsigned watch_count;
    struct timer timers[TIMERS_MAX];
};

uint64_t loop_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void loop_on_stop(void *context, uint32_t epoll_events)
{
    struct loop *loop = context;

    (void)epoll_events;
    loop->stopping = true;
}

int loop_create(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    int result;

    if (loop == NULL)
        return -ENOMEM;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->stop_fd < 0) {
        result = -errno;
        goto fail;
    }
    result = loop_watch(loop, loop->stop_fd, EPOLLIN, loop_on_stop, loop);
    if (result < 0)
        goto fail;
    *out = loop;
    return 0;

fail:
    loop_destroy(loop);
    return result;
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->stop_fd >= 0)
        close(loop->stop_fd);
    free(loop->watches);
    free(loop);
}

static int loop_control(struct loop *loop, int operation, int fd)
{
    struct watch *watch = &loop->watches[fd];
    struct epoll_event event = {
        .events = watch->epoll_events,
        .data.u64 = (uint64_t)watch->generation << 32 | (uint32_t)fd,
    };

    return epoll_ctl(loop->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

static int loop_reserve(struct loop *loop, unsigned count)
{
    unsigned larger = loop->watch_count == 0 ? 32 : loop->watch_count;
    struct watch *watches;

    if (count <= loop->watch_count)
        return 0;
    while (larger < count)
        larger *= 2;
    watches = realloc(loop->watches, larger * sizeof(*watches));
    if (watches == NULL)
        return -ENOMEM;
    for (unsigned i = loop->watch_count; i < larger; i++)
        watches[i] = (struct watch){0};
    loop->watches = watches;
    loop->watch_count = larger;
    return 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, loop_callback callback,
               void *context)
{
    struct watch *watch;
    int result;

    if (fd < 0)
        return -EBADF;
    result = loop_reserve(loop, (unsigned)fd + 1u);
    if (result < 0)
        return result;
    watch = &loop->watches[fd];
    if (watch->callback != NULL)
        return -EEXIST;
    *watch = (struct watch){callback, context, epoll_events, watch->generation + 1u};
    if (epoll_events != 0)
        result = loop_control(loop, EPOLL_CTL_ADD, fd);
    if (result < 0)
        watch->callback = NULL;
    return result;
}

int loop_change(struct loop *loop, int fd, uint32_t epoll_events)
{
    struct watch *watch;
    uint32_t before;

    if (fd < 0 || (unsigned)fd >= loop->watch_count || loop->watches[fd].callback == NULL)
        return -ENOENT;
    watch = &loop->watches[fd];
    before = watch->epoll_events;
    if (before == epoll_events)
        return 0;
    watch->epoll_events = epoll_events;
    return loop_control(loop,
                        before == 0         ? EPOLL_CTL_ADD
                        : epoll_events == 0 ? EPOLL_CTL_DEL
                                            : EPOLL_CTL_MOD,
                        fd);
}

void loop_unwatch(struct loop *loop, int fd)
{
    if (fd < 0 || (unsigned)fd >= loop->watch_count || loop->watches[fd].callback == NULL)
        return;
    if (loop->watches[fd].epoll_events != 0)
        loop_control(loop, EPOLL_CTL_DEL, fd);
    loop->watches[fd].callback = NULL;
    loop->watches[fd].epoll_events = 0;
}

int loop_timer(struct loop *loop, uint64_t deadline_ns, loop_callback callback, void *context)
{
    struct timer *unused = NULL;

    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        struct timer *timer = &loop->timers[i];

        if (timer->callback == callback && timer->context == context) {
            timer->deadline_ns = deadline_ns;
            if (deadline_ns == UINT64_MAX)
                timer->callback = NULL;
            return 0;
        }
        if (timer->callback == NULL && unused == NULL)
            unused = timer;
    }
    if (deadline_ns == UINT64_MAX)
        return 0;
    if (unused == NULL)
        return -ENOSPC;
    *unused = (struct timer){callback, context, deadline_ns};
    return 0;
}

/* Milliseconds for epoll_wait until the first timer, rounded up so that none is early; -1: none. */
static int loop_timeout_ms(const struct loop *loop)
{
    uint64_t first = UINT64_MAX, now, ms;

    for (unsigned i = 0; i < TIMERS_MAX; i++)
        if (loop->timers[i].callback != NULL && loop->timers[i].deadline_ns < first)
            first = loop->timers[i].deadline_ns;
    if (first == UINT64_MAX)
        return -1;
    now = first == 0 ? 0 : loop_now_ns();
    if (first <= now)
        return 0;
    ms = (first - now + 999999u) / 1000000u;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void loop_run_timers(struct loop *loop)
{
    uint64_t now = 0;

    for (unsigned i = 0; i < TIMERS_MAX && !loop->stopping; i++) {
        struct timer timer = loop->timers[i];

        if (timer.callback == NULL)
            continue;
        if (now == 0)
            now = loop_now_ns();
        if (timer.deadline_ns > now)
            continue;
        loop->timers[i].callback = NULL;
        timer.callback(timer.context, 0);
    }
}

void loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_PER_WAIT];

    while (!loop->stopping) {
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, loop_timeout_ms(loop));

        for (int i = 0; i < count && !loop->stopping; i++) {
            unsigned fd = (unsigned)(events[i].data.u64 & UINT32_MAX);
            struct watch watch = loop->watches[fd];

            /* An earlier callback of this batch may have unwatched, paused or replaced it. */
            if (watch.callback != NULL && watch.epoll_events != 0 &&
                watch.generation == (uint32_t)(events[i].data.u64 >> 32))
                watch.callback(watch.context, events[i].events);
        }
        loop_run_timers(loop);
    }
}

void loop_stop(struct loop *loop)
{
    uint64_t one = 1;
    int saved = errno;
    ssize_t written = write(loop->stop_fd, &one, sizeof(one));

    /* It can only fail when the counter is full, and then the loop is stopping already. */
    (void)written;
    errno = saved;
}
