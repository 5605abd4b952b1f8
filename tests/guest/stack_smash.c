/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stdout: ^before$ */
/* expect-stderr: stack smashed */
/* Writing beyond a local array is caught when the function returns. */
#include <stdio.h>
#include <string.h>

static void __attribute__((noinline)) overflow(volatile size_t bytes)
{
    char buffer[16];
    volatile char *to = buffer;
    for (size_t i = 0; i < bytes; i++)
        to[i] = 'x';
}

int main(void)
{
    puts("before");
    overflow(64);
    puts("after");
    return 0;
}
