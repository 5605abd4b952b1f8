/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 143 */
/* expect-stdout: \Abefore\n\Z */
/* SIGTERM without a handler ends the program with 128 + 15. */
#include <signal.h>
#include <stdio.h>

int main(void)
{
    puts("before");
    raise(SIGTERM);
    puts("after");
    return 0;
}
