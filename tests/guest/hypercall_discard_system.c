/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall DISCARD: address 0x0 */
/* Gives back memory that it does not have. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_DISCARD, 0, 4096, 0);
    return 0;
}
