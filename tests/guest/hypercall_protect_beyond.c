/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall PROTECT: address 0x180000, length 0xfffffffffffff000 */
/* Protects a range that wraps around. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_PROTECT, 0x180000, UINT64_MAX - 4095, 0);
    return 0;
}
