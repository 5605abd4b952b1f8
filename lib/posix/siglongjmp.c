/* SPDX-License-Identifier: BSD-2-Clause */
/* siglongjmp: the jump with the signal mask that sigsetjmp saved. */
#include <setjmp.h>

void siglongjmp(sigjmp_buf buffer, int value)
{
    if (buffer[0].__has_mask)
        sigprocmask(SIG_SETMASK, &buffer[0].__mask, NULL);
    longjmp(buffer[0].__registers, value);
}
