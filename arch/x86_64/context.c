/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first stack frame of a new thread, in the layout that switch.S restores, and the CPU facts
 * that the entry fills in. Called by the kernel's scheduler.
 */
#include "arch/arch.h"

struct arch_cpu_info arch_cpu_info;

/* What arch_context_switch leaves at the stack pointer. */
struct switch_frame {
    uint32_t mxcsr;
    uint16_t fpu_control, padding;
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

#define MXCSR_DEFAULT 0x1f80u      /* all exceptions masked, round to nearest */
#define FPU_CONTROL_DEFAULT 0x37fu /* the same, extended precision */

void arch_context_begin(void); /* switch.S */

void arch_context_init(struct arch_context *context, void *stack_top, void (*entry)(void *),
                       void *argument)
{
    /* Sixteen bytes stay zero above the frame: a return address and a frame pointer of NULL, where
     * a backtrace ends. */
    uintptr_t top = ((uintptr_t)stack_top & ~(uintptr_t)15) - 16;
    struct switch_frame *frame = (struct switch_frame *)(top - sizeof(*frame));

    *(uint64_t *)top = 0;
    *(uint64_t *)(top + 8) = 0;
    *frame = (struct switch_frame){
        .mxcsr = MXCSR_DEFAULT,
        .fpu_control = FPU_CONTROL_DEFAULT,
        .r12 = (uintptr_t)entry,
        .r13 = (uintptr_t)argument,
        .rip = (uintptr_t)arch_context_begin,
    };
    context->sp = frame;
}
