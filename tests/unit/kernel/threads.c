/* SPDX-License-Identifier: BSD-2-Clause */
/* Used by the tests of kernel/sched.c, thread.c and sync.c (threads.h). */
#include "kernel/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/bootrec.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/timer.h"

char trace[256];

int threads_start(void **state)
{
    (void)state;
    fake_ram_start(RAM_PAGES);
    return 0;
}

int threads_reset(void **state)
{
    (void)state;
    memset(trace, 0, sizeof(trace));
    fake.on_wait = NULL;
    return 0;
}

int threads_check_clean(void **state)
{
    (void)state;
    return metrics.threads_live != 1 || page_in_use() != 0 || timer_next_deadline() != NO_DEADLINE
               ? -1
               : 0;
}

void note(char c)
{
    trace[strlen(trace)] = c;
}

void interrupt(void)
{
    unsigned state = upcalls_mask();

    kernel_upcall();
    upcalls_restore(state);
}

void unpark_context(void *context)
{
    thread_unpark(context);
}

void *writable(const void *argument)
{
    return (void *)(uintptr_t)argument;
}

struct thread *run(void (*entry)(void *), const void *argument)
{
    struct thread *thread;

    assert_int_equal(thread_create(&thread, NULL, entry, writable(argument)), 0);
    return thread;
}

void note_argument(void *argument)
{
    note(*(const char *)argument);
}

void park_forever(void *argument)
{
    (void)argument;
    thread_park(NO_DEADLINE);
    note('p');
}
