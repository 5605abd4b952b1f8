/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a device as the monitor does: its loop on a thread of its own, doorbells through eventfds.
 * The test is the guest.
 */
#ifndef GUEST_THREAD_H
#define GUEST_THREAD_H

#include <pthread.h>

#include "fake_guest.h"

struct loop;

struct guest_thread {
    struct fake_guest guest;
    struct loop *loop;
    pthread_t thread;
    int doorbells[PVN_QUEUES_MAX];
};

/* Starts `device`, which it owns from here on, with a driver that accepts `features`. */
void guest_thread_start(struct guest_thread *thread, struct device *device, uint64_t features);

/* Ends the thread; the device's state can then be looked at without a race. */
void guest_thread_stop(struct guest_thread *thread);
void guest_thread_destroy(struct guest_thread *thread);

void guest_ring(struct guest_thread *thread, unsigned queue);

/* Posts a chain, and rings when a well-behaved driver must. */
uint16_t guest_post_and_ring(struct guest_thread *thread, unsigned queue,
                             const struct fake_segment *segments, unsigned count);

/* Waits for a used buffer; false after `timeout_ms`. */
bool guest_wait(struct guest_thread *thread, unsigned queue, uint16_t *head, uint32_t *bytes,
                unsigned timeout_ms);

/* Waits until the device is out of service; false after five seconds. */
bool guest_wait_failed(struct guest_thread *thread);

/* Standard error goes to a file between these two; the second returns what was written (static). */
void capture_stderr(void);
const char *captured_stderr(void);

#endif
