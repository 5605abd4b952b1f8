/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: stack overflow: write to 0x */
/* expect-stderr: descend\+0x */
/* The main thread's recursion meets the guard page below its stack. */
#include "descend.h"

int main(void)
{
    return descend(1);
}
