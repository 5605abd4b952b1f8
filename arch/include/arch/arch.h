/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU is, to the kernel: contexts, the thread pointer, barriers, the cycle counter. Each
 * architecture fulfils this header; inline parts are in arch/cpu.h of its own folder.
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A thread that is not running: everything else is on its stack. */
struct arch_context {
    void *sp;
};

/* Prepares a context that will call entry(argument) on a stack that ends at `stack_top`. */
void arch_context_init(struct arch_context *context, void *stack_top, void (*entry)(void *),
                       void *argument);
/* Saves the callee-saved registers and FPU control state, switches stacks. Upcalls are masked. */
void arch_context_switch(struct arch_context *from, const struct arch_context *to);

/* The thread block: TLS image and thread control block (whose first word points to itself and which
 * holds the stack canary at the ABI's place). */
size_t arch_tls_bytes(void);
/* Builds a thread block in [block, block + arch_tls_bytes()); returns the thread pointer. */
void *arch_tls_init(void *block);
void arch_thread_pointer_set(void *thread_pointer);

/* CPU facts that the entry found; set before kernel_start. */
struct arch_cpu_info {
    uint64_t xcr0;
    uint32_t xsave_bytes; /* 0: FXSAVE */
    bool has_rdrand, has_rdseed, has_xsaveopt;
    /* How to set the thread pointer where WRFSBASE is not to be had; NULL: it is. */
    void (*thread_pointer_set)(void *thread_pointer);
};
extern struct arch_cpu_info arch_cpu_info;

/* One try; false: no value now, or no such instruction. */
bool arch_entropy(uint64_t *value);

/* Where the other side enters an upcall (upcall.S): the first, or, in the range, the second; the
 * third where entering one writes on the interrupted stack. */
void arch_upcall(void);
void arch_upcall_restart(void);
void arch_upcall_again(void);
extern const char arch_upcall_restart_begin[], arch_upcall_restart_end[];

/* Return addresses by frame pointer from `frame` (NULL: the caller's), checked to lie in
 * [stack_low, stack_high); returns how many were found. */
unsigned arch_backtrace(const void *frame, uintptr_t stack_low, uintptr_t stack_high,
                        uintptr_t *addresses, unsigned most);

/* What an upcall interrupted: a frame for arch_backtrace, whose first address is where it was, and
 * its stack pointer. */
struct arch_interrupted {
    const void *frame;
    uintptr_t stack;
};
/* Looks from `frame`, of a function that an upcall has called, for that; false: no upcall was entered
 * there, but the interrupted code called the kernel itself. The range as above. */
bool arch_interrupted_find(const void *frame, uintptr_t stack_low, uintptr_t stack_high,
                           struct arch_interrupted *found);

static inline uint64_t arch_cycles(void);

#include "arch/cpu.h"

#endif
