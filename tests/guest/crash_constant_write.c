/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: page fault: write to 0x[0-9a-f]+ \(read-only memory\) */
/* Writes into a constant. */
#include <stdint.h>

extern const int constant[4];
const int constant[4] = {1, 2, 3, 4};

int main(void)
{
    volatile int *volatile at = (volatile int *)(uintptr_t)constant;

    *at = 5;
    return 0;
}
