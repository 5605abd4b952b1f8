/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stdout: ^handler 6$ */
/* expect-stderr: called abort */
/* abort runs the handler of SIGABRT, then ends the program as crashed. */
#include <signal.h>

#include "check.h"

static void handler(int number)
{
    printf("handler %d\n", number);
}

int main(void)
{
    signal(SIGABRT, handler);
    abort();
}
