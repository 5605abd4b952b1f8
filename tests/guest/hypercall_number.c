/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall: there is no number 0x7fffffff */
/* Calls what does not exist. */
#include "hypercall.h"

int main(void)
{
    native_wild(0x7fffffff, 1, 2, 3);
    return 0;
}
