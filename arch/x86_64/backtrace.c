/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Return addresses by frame pointers. Trusts nothing that it finds on the stack: it may be called
 * because the stack is damaged. Called by the kernel's panic.
 */
#include "arch/arch.h"

struct frame {
    uintptr_t caller;
    uintptr_t return_address;
};

unsigned arch_backtrace(const void *frame, uintptr_t stack_low, uintptr_t stack_high,
                        uintptr_t *addresses, unsigned most)
{
    uintptr_t at = (uintptr_t)(frame != NULL ? frame : __builtin_frame_address(0));
    unsigned count = 0;

    while (count < most && at >= stack_low && at % sizeof(uintptr_t) == 0 &&
           at <= stack_high - sizeof(struct frame)) {
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
