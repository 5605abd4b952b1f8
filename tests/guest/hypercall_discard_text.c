/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall DISCARD: address 0x100000 */
/* Gives back its text. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_DISCARD, 0x100000, 4096, 0);
    return 0;
}
