/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: bad hypercall WRITE: there is no channel 4294967296 */
/* Writes to a channel that does not exist, though its low half does. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_WRITE, 1ull << 32, 0x100000, 1);
    return 0;
}
