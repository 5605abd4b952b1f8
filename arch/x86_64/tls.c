/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread block, in the layout of the x86-64 ELF TLS ABI (variant II): the program's
 * thread-local variables, and right above them the control block that FS points to. image.lds names
 * the image and the sizes. Called by the kernel for each thread, and by arch_start for the first
 * one.
 */
#include "arch/arch.h"
#include "arch/bootrec.h"

extern const uint8_t tls_image_begin[], tls_image_end[];
/* Absolute symbols: their addresses are the values. */
extern const uint8_t tls_total_bytes[], tls_alignment[], thread_block_bytes[];
extern uint8_t boot_thread_block[];

/* GCC finds the canary at FS:0x28, whatever else is here. */
struct control_block {
    void *self;
    uintptr_t reserved[4];
    uintptr_t canary;
};
_Static_assert(offsetof(struct control_block, canary) == 0x28, "the canary's place in the ABI");
_Static_assert(sizeof(struct control_block) <= 64, "image.lds reserves 64 bytes");

static uintptr_t stack_canary;

size_t arch_tls_bytes(void)
{
    return (size_t)(uintptr_t)thread_block_bytes;
}

/* No canary of its own: on the first thread it runs before there is one. */
__attribute__((no_stack_protector)) void *arch_tls_init(void *block)
{
    uintptr_t alignment = (uintptr_t)tls_alignment;
    uintptr_t total = (uintptr_t)tls_total_bytes;
    size_t image_bytes = (size_t)(tls_image_end - tls_image_begin);
    uintptr_t offset = (total + alignment - 1) & -alignment;
    uintptr_t pointer = ((uintptr_t)block + alignment - 1 + offset) & -alignment;
    struct control_block *control = (struct control_block *)pointer;
    uint8_t *variables = (uint8_t *)(pointer - offset);

    __builtin_memcpy(variables, tls_image_begin, image_bytes);
    __builtin_memset(variables + image_bytes, 0, total - image_bytes);
    control->self = control;
    control->canary = stack_canary;
    return control;
}

void arch_thread_pointer_set(void *thread_pointer)
{
    if (arch_cpu_info.thread_pointer_set != NULL)
        arch_cpu_info.thread_pointer_set(thread_pointer);
    else
        __asm__ volatile("wrfsbase %0" : : "r"(thread_pointer) : "memory");
}

__attribute__((no_stack_protector)) void arch_start(const struct bootrec *record)
{
    stack_canary = 0;
    if (record->seed != NULL) {
        /* A one-way mix of the whole seed: the canary tells next to nothing of the random
         * generator's key, which is the seed itself. */
        for (unsigned i = 0; i < BOOTREC_SEED_BYTES; i += 8) {
            uint64_t word;

            __builtin_memcpy(&word, record->seed + i, sizeof(word));
            stack_canary = (stack_canary ^ word) * 0x9e3779b97f4a7c15ull;
            stack_canary ^= stack_canary >> 29;
        }
    }
    stack_canary = (stack_canary ^ arch_cycles()) * 0xd6e8feb86659fd93ull;
    /* A zero byte first stops string functions from reading or writing across it. */
    stack_canary &= ~(uintptr_t)0xff;
    arch_thread_pointer_set(arch_tls_init(boot_thread_block));
    kernel_start(record);
}
