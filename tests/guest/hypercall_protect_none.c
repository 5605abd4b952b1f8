/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stdout: ^still fine$ */
/* expect-stderr: crash: page fault: read from 0x[0-9a-f]+ \(a guard page or protected memory\) */
/* A page that is being read, closed altogether: the next read faults. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "hypercall.h"

int main(void)
{
    volatile char *page;

    if (posix_memalign((void **)(uintptr_t)&page, 4096, 4096))
        return 1;
    page[5] = 5;
    for (int i = 0; i < 1000; i++)
        if (page[5] != 5)
            return 1;
    puts("still fine");
    fflush(stdout);
    native_wild(HYPERCALL_PROTECT, (uintptr_t)page, 4096, 0);
    return page[5];
}
