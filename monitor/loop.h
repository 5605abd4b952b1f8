/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O thread's event loop (epoll). All backends run on it; the vCPU thread touches them only
 * through doorbells. The thread is started only when the VM has a device. Every function but
 * loop_stop is called before the thread starts or on it.
 */
#ifndef MONITOR_LOOP_H
#define MONITOR_LOOP_H

#include <stdint.h>

struct loop;

typedef void (*loop_callback)(void *context, uint32_t epoll_events);

int loop_create(struct loop **loop);
void loop_destroy(struct loop *loop);

/* Watches a descriptor for EPOLLIN/EPOLLOUT; 0 events pauses. Negative errno on failure. */
int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, loop_callback callback,
               void *context);
int loop_change(struct loop *loop, int fd, uint32_t epoll_events);
void loop_unwatch(struct loop *loop, int fd);

/* CLOCK_MONOTONIC. */
uint64_t loop_now_ns(void);

/* Calls `callback` (with 0 events) at CLOCK_MONOTONIC `deadline_ns`, once; a later call for the
 * same callback and context replaces it, UINT64_MAX cancels. A handful of timers. */
int loop_timer(struct loop *loop, uint64_t deadline_ns, loop_callback callback, void *context);

/* Runs until loop_stop, which any thread and a signal handler may call. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
