/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --timeout 1 */
/* expect: status 124 */
/* Writes without end; the time-out ends it, also while a write is stuck. */
#include <stdio.h>

int main(void)
{
    for (;;)
        puts("on and on and on and on and on and on and on and on and on and on and on and on");
}
