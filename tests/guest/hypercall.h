/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hypercall with arguments that no honest guest would pass (pvabi/ABI.md). The port is the one
 * that the kernel was told. The function's name is one that scripts/check-image lets use OUT.
 */
#ifndef TESTS_GUEST_HYPERCALL_H
#define TESTS_GUEST_HYPERCALL_H

#include <stdint.h>

/* The kernel's names are out of programs' way behind a prefix. */
extern uint16_t native_hypercall_port __asm__("coracle.native_hypercall_port");

enum {
    HYPERCALL_WAIT = 1,
    HYPERCALL_WRITE,
    HYPERCALL_TIMER,
    HYPERCALL_PROTECT,
    HYPERCALL_DISCARD,
    HYPERCALL_CRASH
};

__attribute__((noinline, unused)) static long native_wild(uint64_t number, uint64_t first,
                                                          uint64_t second, uint64_t third)
{
    register uint64_t r8 __asm__("r8") = third;
    long result = (long)number;

    __asm__ volatile("outl %%eax, %%dx"
                     : "+a"(result)
                     : "d"(native_hypercall_port), "D"(first), "S"(second), "r"(r8)
                     : "memory");
    return result;
}

#endif
