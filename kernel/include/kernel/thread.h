/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: preemptive, round robin, on one CPU. Each has a stack with a guard page below it and the
 * program's thread-local block above it. Park and unpark are the one way to sleep; everything in
 * sync.h is built from them.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

#define THREAD_STACK_BYTES (64u * 1024u) /* default, guard page excluded */
#define THREAD_STACK_MIN_BYTES (8u * 1024u)
#define THREAD_NAME_BYTES 16u
#define NO_DEADLINE UINT64_MAX

struct thread_options {
    const char *name;   /* copied, cut to THREAD_NAME_BYTES - 1; NULL: "thread" */
    size_t stack_bytes; /* 0: THREAD_STACK_BYTES */
    bool detached;      /* freed at its end; otherwise thread_join frees it */
    bool system;        /* serves the program: not one of its threads, whose last ends the VM */
    void *user;         /* thread_user's first value */
};

/* Starts a thread. 0, -ENOMEM, -EINVAL. */
int thread_create(struct thread **thread, const struct thread_options *options,
                  void (*entry)(void *argument), void *argument);
/* Ends the calling thread; thread_exit_hook (below) runs first. With the last one that is no system
 * thread the VM ends, with status 0. */
void thread_exit(void) __attribute__((noreturn));
/* Waits for the end of a thread that is not detached, and frees it. 0, -EDEADLK, -EINVAL. */
int thread_join(struct thread *thread);
int thread_detach(struct thread *thread);

struct thread *thread_self(void);
void thread_yield(void);
/* A pointer that belongs to the layer above (pthreads); may be NULL. */
void *thread_user(const struct thread *thread);
void thread_user_set(struct thread *thread, void *user);
const char *thread_name(const struct thread *thread);
void thread_name_set(struct thread *thread, const char *name);
/* Lowest and one-past-highest usable address of a thread's stack. */
void thread_stack(const struct thread *thread, void **low, void **high);

/* Set once by the C library's seam: runs in each ending thread (reclaims its reentrancy data). */
extern void (*thread_exit_hook)(void);

/* Sleeps until unparked or until system time reaches deadline_ns. An unpark that came before is not
 * lost: the next park returns at once. 0, or -ETIMEDOUT. May return 0 without reason: callers
 * loop on their condition. Not with upcalls masked. */
int thread_park(uint64_t deadline_ns);
/* Any context. */
void thread_unpark(struct thread *thread);
/* Takes back the unpark of a thread that sleeps without a deadline, if it is the next to run and has not
 * run since: it sleeps on. For who knows what it was woken for. Any context. */
void thread_unpark_undo(struct thread *thread);
void thread_sleep_until(uint64_t deadline_ns);

/* Short critical sections against preemption and event handlers: no parking inside. They nest. */
unsigned upcalls_mask(void);          /* returns the state before */
void upcalls_restore(unsigned state); /* runs what came meanwhile when it unmasks */

#endif
