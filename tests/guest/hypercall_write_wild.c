/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall WRITE: 0x64 bytes at 0xfffffffffffffff0 are not in RAM */
/* Writes from an address whose end wraps around. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_WRITE, 1, 0xfffffffffffffff0, 100);
    return 0;
}
