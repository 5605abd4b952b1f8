/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: page fault: execute at 0x[0-9a-f]+ \(non-executable memory\) */
/* Executes code that it wrote to its stack. */
#include <stdint.h>

int main(void)
{
    volatile uint8_t code[16] = {0xc3}; /* ret */
    void (*volatile run)(void) = (void (*)(void))(uintptr_t)code;

    run();
    return 0;
}
