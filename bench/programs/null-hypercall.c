/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hypercall costs that does nothing: a write of no bytes, native only. Prints cycles. */
#include <stdio.h>
#include <x86intrin.h>

#include "tests/guest/hypercall.h"

#define CALLS 2000u

static void call(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        native_wild(HYPERCALL_WRITE, 0, (uint64_t)(uintptr_t)&native_hypercall_port, 0);
}

int main(void)
{
    uint64_t begin;

    call(CALLS / 10);
    begin = __rdtsc();
    call(CALLS);
    printf("%.1f\n", (double)(__rdtsc() - begin) / CALLS);
    return 0;
}
