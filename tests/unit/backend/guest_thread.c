/* SPDX-License-Identifier: BSD-2-Clause */
/* See guest_thread.h. */
#include "guest_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

static struct guest_thread *current;

static void kick(unsigned queue)
{
    uint64_t count;

    if (read(current->doorbells[queue], &count, sizeof(count)) > 0 &&
        !current->guest.device->failed)
        current->guest.device->ops->kick(current->guest.device, queue);
}

static void on_doorbell(void *context, uint32_t epoll_events)
{
    (void)epoll_events;
    kick((unsigned)((int *)context - current->doorbells));
}

static void *run(void *context)
{
    loop_run(context);
    return NULL;
}

static void must(int condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

void guest_thread_start(struct guest_thread *thread, struct device *device, uint64_t features)
{
    guest_init(&thread->guest, device, features);
    current = thread;
    must(loop_create(&thread->loop) == 0, "loop_create");
    for (unsigned i = 0; i < device->queue_count; i++) {
        thread->doorbells[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        must(loop_watch(thread->loop, thread->doorbells[i], EPOLLIN, on_doorbell,
                        &thread->doorbells[i]) == 0,
             "loop_watch");
    }
    must(device->ops->start(device, thread->loop) == 0, "start");
    must(pthread_create(&thread->thread, NULL, run, thread->loop) == 0, "pthread_create");
}

void guest_thread_stop(struct guest_thread *thread)
{
    if (thread->thread == 0)
        return;
    loop_stop(thread->loop);
    pthread_join(thread->thread, NULL);
    thread->thread = 0;
}

void guest_thread_destroy(struct guest_thread *thread)
{
    struct device *device = thread->guest.device;
    unsigned count = device->queue_count;

    guest_thread_stop(thread);
    device->ops->destroy(device);
    loop_destroy(thread->loop);
    for (unsigned i = 0; i < count; i++)
        close(thread->doorbells[i]);
    guest_destroy(&thread->guest);
}

void guest_ring(struct guest_thread *thread, unsigned queue)
{
    uint64_t one = 1;

    must(write(thread->doorbells[queue], &one, sizeof(one)) == sizeof(one), "doorbell");
}

uint16_t guest_post_and_ring(struct guest_thread *thread, unsigned queue,
                             const struct fake_segment *segments, unsigned count)
{
    uint16_t before = thread->guest.queues[queue].next_avail;
    uint16_t head = guest_post(&thread->guest, queue, segments, count);

    if (guest_must_ring(&thread->guest, queue, before))
        guest_ring(thread, queue);
    return head;
}

static void sleep_ms(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

bool guest_wait(struct guest_thread *thread, unsigned queue, uint16_t *head, uint32_t *bytes,
                unsigned timeout_ms)
{
    for (unsigned waited = 0; waited <= timeout_ms; waited++) {
        if (guest_take(&thread->guest, queue, head, bytes))
            return true;
        sleep_ms();
    }
    return false;
}

bool guest_wait_failed(struct guest_thread *thread)
{
    for (unsigned waited = 0; waited < 5000; waited++) {
        if (__atomic_load_n(&thread->guest.device->failed, __ATOMIC_ACQUIRE))
            return true;
        sleep_ms();
    }
    return false;
}

static int saved_stderr = -1;
static FILE *captured;

void capture_stderr(void)
{
    fflush(stderr);
    captured = tmpfile();
    must(captured != NULL, "tmpfile");
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

const char *captured_stderr(void)
{
    static char text[2048];
    size_t length;

    fflush(stderr);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(captured);
    length = fread(text, 1, sizeof(text) - 1, captured);
    text[length] = '\0';
    fclose(captured);
    return text;
}
