/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: page fault: write to 0x[0-9a-f]+ \(program text\) */
/* Writes into its own code. */
#include <stdint.h>

int main(void)
{
    volatile uint8_t *volatile code = (volatile uint8_t *)(uintptr_t)main;

    *code = 0xc3;
    return 0;
}
