/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the compiler's stack protector calls when a function's canary was overwritten. Replaces
 * libc.a's, which would go on through signal handlers on the damaged stack.
 */
#include "kernel/log.h"

void __stack_chk_fail(void) __attribute__((noreturn));

void __stack_chk_fail(void)
{
    panic("stack smashed: a local array was written beyond its end");
}
