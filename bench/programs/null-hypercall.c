/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hypercall costs that does nothing. Prints cycles.
 *
 *     null-hypercall           of the native monitor: a write of no bytes
 *     null-hypercall xen       of Xen: the question for its version
 */
#include <stdio.h>
#include <x86intrin.h>

#include "tests/guest/hypercall.h"

#define ROUNDS 31u /* the fastest counts: other work only ever adds */
#define CALLS 100u
#define XEN_VERSION 17u /* xen/xen.h; its operation 0 returns a number */

/* pvabi/xen/hypercall.h, by the kernel's name for it. */
long hypercall_of_xen(unsigned long number, unsigned long a, unsigned long b, unsigned long c,
                      unsigned long d) __asm__("coracle.xen_hypercall");

static void call_native(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        native_wild(HYPERCALL_WRITE, 0, (uint64_t)(uintptr_t)&native_hypercall_port, 0);
}

static void call_xen(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        hypercall_of_xen(XEN_VERSION, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
    void (*call)(unsigned count) = argc > 1 && argv[1][0] == 'x' ? call_xen : call_native;
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t begin = __rdtsc(), cycles;

        call(CALLS);
        cycles = __rdtsc() - begin;
        least = cycles < least ? cycles : least;
    }
    printf("%.1f\n", (double)least / CALLS);
    return 0;
}
