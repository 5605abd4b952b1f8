/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall PROTECT: the page at 0x100000 is of the image */
/* Wants its own text writable. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_PROTECT, 0x100000, 4096, 2);
    return 0;
}
