/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a guest that found its own state wrong: the message and the call chain's addresses,
 * for hosts that print no backtrace of their own, then pv->crash. Any context.
 */
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

#define MESSAGE_BYTES 256u
#define DEPTH_MAX 16u

static void log_backtrace(const void *frame)
{
    struct thread *self = thread_self();
    char line[DEPTH_MAX * 20 + 1];
    uintptr_t addresses[DEPTH_MAX];
    void *low, *high;
    unsigned count;
    size_t length = 0;

    thread_stack(self, &low, &high);
    count = arch_backtrace(frame, (uintptr_t)low, (uintptr_t)high, addresses, DEPTH_MAX);
    for (unsigned i = 0; i < count; i++)
        length += (size_t)format_line(line + length, sizeof(line) - length, " %p",
                                      (void *)addresses[i]);
    if (count > 0)
        log_line("backtrace of thread %s:%s", thread_name(self), line);
}

void panic(const char *format, ...)
{
    static bool panicking;
    const void *frame = __builtin_frame_address(0);
    char message[MESSAGE_BYTES];
    va_list arguments;

    upcalls_mask();
    va_start(arguments, format);
    format_line_v(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (!panicking) {
        panicking = true;
        log_backtrace(frame);
    }
    pv->crash(message, frame);
}
