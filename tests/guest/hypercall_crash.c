/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash:  */
/* Last words and a frame that do not exist: the crash is reported all the same. */
#include "hypercall.h"

int main(void)
{
    native_wild(HYPERCALL_CRASH, 0xdeadbeef000, 4096, 0xdeadbeef000);
    return 0;
}
