/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall PROTECT: .*rights 7 */
/* Wants rights that the ABI does not have. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_PROTECT, 0x180000, 4096, 7);
    return 0;
}
