/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Return addresses by frame pointers. Trusts nothing that it finds on the stack: it may be called
 * because the stack is damaged. Called by the kernel's panic and its profiler.
 */
#include "arch/arch.h"

struct frame {
    uintptr_t caller;
    uintptr_t return_address;
};

/* From the frame record that arch_upcall makes to what it interrupted: itself, the registers, flags
 * and return address, the red zone (upcall.S). */
#define INTERRUPTED_STACK (16u + 15u * 8u + 16u + 128u)
/* Between arch_upcall and a timer's callback. */
#define UPCALL_DEPTH_MAX 8u

static bool on_stack(uintptr_t at, uintptr_t stack_low, uintptr_t stack_high)
{
    return at >= stack_low && at % sizeof(uintptr_t) == 0 &&
           at <= stack_high - sizeof(struct frame);
}

unsigned arch_backtrace(const void *frame, uintptr_t stack_low, uintptr_t stack_high,
                        uintptr_t *addresses, unsigned most)
{
    uintptr_t at = (uintptr_t)(frame != NULL ? frame : __builtin_frame_address(0));
    unsigned count = 0;

    while (count < most && on_stack(at, stack_low, stack_high)) {
        const struct frame *here = (const struct frame *)at;

        if (here->return_address == 0)
            break;
        addresses[count++] = here->return_address;
        if (here->caller <= at)
            break;
        at = here->caller;
    }
    return count;
}

bool arch_interrupted_find(const void *frame, uintptr_t stack_low, uintptr_t stack_high,
                           struct arch_interrupted *found)
{
    uintptr_t at = (uintptr_t)frame;

    for (unsigned i = 0; i < UPCALL_DEPTH_MAX && on_stack(at, stack_low, stack_high); i++) {
        const struct frame *here = (const struct frame *)at;

        if (here->return_address > (uintptr_t)arch_upcall &&
            here->return_address <= (uintptr_t)arch_upcall_restart_begin) {
            found->frame = (const void *)here->caller;
            found->stack = here->caller + INTERRUPTED_STACK;
            return on_stack(here->caller, stack_low, stack_high);
        }
        if (here->caller <= at)
            break;
        at = here->caller;
    }
    return false;
}
