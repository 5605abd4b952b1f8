/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stdout: ^before$ */
/* expect-stderr: crash: page fault: read from 0x10 \(NULL page\) */
/* expect-stderr: (at|by) .*read_member */
/* Reads through NULL: page 0 is not there. What was printed before is not lost. */
#include <stdio.h>

struct two {
    char first[16];
    int second;
};

__attribute__((noinline)) static int read_member(struct two *volatile *from)
{
    return (*from)->second;
}

int main(void)
{
    struct two *volatile nothing = NULL;

    puts("before");
    fflush(stdout);
    return read_member(&nothing);
}
