/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: page fault: execute at 0x0 \(NULL page\) */
/* expect-stderr: main\+0x */
/* Calls a function that is NULL; the backtrace still names the caller. */
#include <stddef.h>

int main(void)
{
    int (*volatile nothing)(void) = NULL;

    return nothing() + 1;
}
