/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall WRITE: 0xffffffffffffffff bytes at 0x100000 */
/* Writes more than there is. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_WRITE, 1, 0x100000, UINT64_MAX);
    return 0;
}
