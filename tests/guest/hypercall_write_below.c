/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall WRITE: 0x1000 bytes at 0xff800 are not in RAM */
/* Writes from memory that begins below RAM. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_WRITE, 1, 0xff800, 4096);
    return 0;
}
