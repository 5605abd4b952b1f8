/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stdout: ^still fine$ */
/* expect-stderr: crash: page fault: write to 0x[0-9a-f]+ \(read-only memory\) */
/* expect-stderr: main\+0x */
/* A page that is being written, closed to writes, opened and closed again: the next write
 * faults. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "hypercall.h"

int main(void)
{
    volatile char *page;

    if (posix_memalign((void **)(uintptr_t)&page, 4096, 4096))
        return 1;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4096; i++)
            page[i] = (char)i;
        native_wild(HYPERCALL_PROTECT, (uintptr_t)page, 4096, 1);
        if (page[77] != 77)
            return 1;
        if (round < 9)
            native_wild(HYPERCALL_PROTECT, (uintptr_t)page, 4096, 2);
    }
    puts("still fine");
    fflush(stdout);
    page[0] = 1;
    return 0;
}
