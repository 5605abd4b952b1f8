/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's <setjmp.h>, and sigsetjmp and _setjmp for this system. Signal masks are restored by
 * siglongjmp when they were saved.
 */
#ifndef _CORACLE_SETJMP_H
#define _CORACLE_SETJMP_H

#include <signal.h>

#include_next <setjmp.h>

#undef sigsetjmp
#undef siglongjmp
#undef _setjmp
#undef _longjmp

struct __sigjmp_buf {
    jmp_buf __registers;
    int __has_mask;
    sigset_t __mask;
};
#define sigjmp_buf __coracle_sigjmp_buf
typedef struct __sigjmp_buf sigjmp_buf[1];

#define sigsetjmp(buffer, save)                                                                   \
    (((buffer)[0].__has_mask = (save)) ? sigprocmask(SIG_SETMASK, NULL, &(buffer)[0].__mask) : 0, \
     setjmp((buffer)[0].__registers))
#define _setjmp(buffer) setjmp(buffer)
#define _longjmp(buffer, value) longjmp(buffer, value)

__BEGIN_DECLS

void siglongjmp(sigjmp_buf buffer, int value) __attribute__((noreturn));

__END_DECLS

#endif
