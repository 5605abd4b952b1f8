/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/sched.c kernel/thread.c kernel/sync.c kernel/timer.c kernel/event.c */
/* sources: kernel/page.c kernel/bitmap.c */
/* sources: arch/x86_64/context.c arch/x86_64/switch.S tests/unit/kernel/fake.c */
/* sources: tests/unit/kernel/fake_ram.c tests/unit/kernel/threads.c */
/* cflags: --param asan-stack=0 */
/*
 * What the tests of threads and of what blocks them share: starting threads that leave a trace,
 * interrupting, and the check that nothing is left behind.
 */
#ifndef TEST_KERNEL_THREADS_H
#define TEST_KERNEL_THREADS_H

#include <stddef.h>

#include "kernel/thread.h"

#define MS 1000000ull
#define RAM_PAGES 2048u

/* What the threads of a test have noted so far. */
extern char trace[256];
void note(char c);

/* A thread entry: notes the character that its argument points to. */
void note_argument(void *argument);
/* Another: parks, and notes a p when it is woken. */
void park_forever(void *argument);

/* An event's handler: unparks the thread that is its context. */
void unpark_context(void *context);

/* For texts as arguments: nobody writes to them. */
void *writable(const void *argument);
struct thread *run(void (*entry)(void *), const void *argument);

/* What the other side's upcall does to a running thread. */
void interrupt(void);

/* For cmocka: before all tests of a group, before each, and after each (no thread, no page, no timer
 * may be left behind). */
int threads_start(void **state);
int threads_reset(void **state);
int threads_check_clean(void **state);

#endif
