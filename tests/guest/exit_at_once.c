/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 7 */
/* expect-stdout: \A\Z */
/* _exit runs nothing and writes nothing; only the low eight bits of a status count. */
#include <unistd.h>

#include "check.h"

static void never(void)
{
    puts("atexit ran");
}

int main(void)
{
    atexit(never);
    printf("buffered");
    _exit(0x107);
}
