/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: page fault: execute at 0x[0-9a-f]+ \(non-executable memory\) */
/* Executes code that it wrote to its heap. */
#include <stdint.h>
#include <stdlib.h>

int main(void)
{
    uint8_t *code = malloc(16);
    void (*volatile run)(void);

    if (code == NULL)
        return 1;
    code[0] = 0xc3; /* ret */
    run = (void (*)(void))(uintptr_t)code;
    run();
    return 0;
}
