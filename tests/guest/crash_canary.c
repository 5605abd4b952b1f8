/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: stack smashed */
/* Writes beyond a local array: the function's return finds the canary damaged. */
#include <string.h>

__attribute__((noinline)) static int smash(volatile size_t length)
{
    char room[16];

    memset(room, 'x', length);
    return room[3];
}

int main(void)
{
    return smash(16 + 24) == 0;
}
