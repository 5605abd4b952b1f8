/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --timeout 2 */
/* expect: status 124 */
/* expect-stdout: asleep */
/* Sleeps until the host ends it. Also the idle guest of the end-to-end tests. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    puts("asleep");
    for (;;)
        pause();
}
