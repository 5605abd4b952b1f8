/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Input from the console device, attached at the first look at it. Relies on pv_console_frontends.
 * Any thread. The mutex owns everything here; a few buffers are always posted, and what arrived is
 * read from one buffer at a time, in order.
 */
#include "kernel/console.h"
#include "kernel/device.h"
#include "kernel/errno.h"
#include "kernel/event.h"
#include "kernel/page.h"
#include "kernel/thread.h"

#define BUFFERS 4u
#define BUFFER_BYTES (PAGE_BYTES / BUFFERS)

static struct {
    struct mutex mutex;
    struct waitq waiters;
    const struct pv_console_ops *ops;
    struct pv_console *pv;
    uint8_t *current; /* the buffer that is being read, or NULL */
    uint32_t offset, end;
    bool tried; /* to attach */
    bool ended; /* no more input will come */
} input;

static void arrived(void *context)
{
    (void)context;
    waitq_wake(&input.waiters, UINT32_MAX);
}

static void post(uint8_t *buffer)
{
    input.ops->rx_post(input.pv, buffer, BUFFER_BYTES, buffer);
}

/* One line, unless the platform has said it: it may write to the same device. */
static void out_of_service(void)
{
    const char *fault = input.pv != NULL ? input.pv->fault : NULL;

    if (input.pv != NULL && input.pv->reported)
        return;
    if (input.pv != NULL)
        input.pv->reported = true;
    device_out_of_service("console", 0, fault != NULL ? fault : "attaching failed");
}

/* 0, also without input; otherwise a negative errno. */
static int attach_device(const struct pv_device *device)
{
    size_t bytes = input.ops->memory_bytes(device);
    void *memory = bytes > 0 ? device_memory(bytes) : NULL;
    uint8_t *buffers;
    int result;

    if (bytes > 0 && memory == NULL)
        return -ENOMEM;
    result = input.ops->attach(device, memory, &input.pv);
    if (result < 0 || input.pv->rx_slots == 0)
        return result;
    buffers = page_alloc(1);
    if (buffers == NULL)
        return -ENOMEM;
    result = event_handle(input.pv->rx_event, arrived, NULL);
    if (result == 0)
        result = event_handle(input.pv->end_event, arrived, NULL);
    if (result < 0)
        return result;
    for (unsigned i = 0; i < BUFFERS && i < input.pv->rx_slots; i++)
        post(buffers + i * BUFFER_BYTES);
    input.ops->rx_kick(input.pv);
    input.ended = false;
    return 0;
}

/* Without a device, without input, or when attaching fails, input is at its end. */
static void attach(void)
{
    const struct pv_device *device = device_find(PV_CONSOLE, 0);

    input.tried = true;
    input.ended = true;
    if (device == NULL || pv_console_frontends[device->family] == NULL)
        return;
    input.ops = pv_console_frontends[device->family];
    if (attach_device(device) < 0)
        out_of_service();
}

/* Has `current` hold unread bytes, if there are any. Returns whether a read would not wait. */
static bool fill(void)
{
    uint32_t bytes;
    void *cookie;
    int taken;

    if (!input.tried)
        attach();
    if (input.current != NULL && input.offset == input.end) {
        post(input.current);
        input.ops->rx_kick(input.pv);
        input.current = NULL;
    }
    if (input.current != NULL || input.ended)
        return true;
    do
        taken = input.ops->rx_take(input.pv, &cookie, &bytes);
    while (taken == 0 && input.ops->rx_ask(input.pv));
    if (taken == 0)
        return false;
    if (taken < 0 || bytes == 0) {
        if (input.pv->fault != NULL)
            out_of_service();
        input.ended = true;
        return true;
    }
    input.current = cookie;
    input.offset = 0;
    input.end = bytes < BUFFER_BYTES ? bytes : BUFFER_BYTES;
    return true;
}

static void wake_parked(struct waiter *waiter)
{
    thread_unpark(waiter->context);
}

long console_read(void *data, size_t bytes, bool wait)
{
    struct waiter waiter = {.wake = wake_parked, .context = thread_self()};
    long result = 0;

    if (bytes == 0)
        return 0;
    mutex_lock(&input.mutex);
    /* No wake-up is lost: the waiter is queued before `fill` last asks the device for an event, so
     * input from then on leaves a token for the park. */
    waitq_add(&input.waiters, &waiter);
    while (!fill()) {
        if (!wait) {
            result = -EAGAIN;
            goto out;
        }
        mutex_unlock(&input.mutex);
        thread_park(NO_DEADLINE);
        mutex_lock(&input.mutex);
    }
    if (input.current != NULL) {
        size_t left = input.end - input.offset;
        size_t part = bytes < left ? bytes : left;

        __builtin_memcpy(data, input.current + input.offset, part);
        input.offset += (uint32_t)part;
        result = (long)part;
    }
out:
    waitq_remove(&waiter);
    mutex_unlock(&input.mutex);
    return result;
}

bool console_readable(void)
{
    bool readable;

    mutex_lock(&input.mutex);
    readable = fill();
    mutex_unlock(&input.mutex);
    return readable;
}

struct waitq *console_waitq(void)
{
    return &input.waiters;
}
