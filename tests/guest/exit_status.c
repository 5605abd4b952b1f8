/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 42 */
/* expect-stdout: ^main second first destructor buffered$ */
/* exit: functions of atexit in reverse order, destructors after them, buffers written, the status.
 */
#include "check.h"

static void __attribute__((constructor)) construct(void)
{
    setenv("CONSTRUCTED", "1", 1);
}

static void __attribute__((destructor)) destroy(void)
{
    printf(" destructor");
    printf(" buffered");
}

static void first(void)
{
    printf(" first");
}

static void second(void)
{
    printf(" second");
}

int main(void)
{
    CHECK(getenv("CONSTRUCTED"));
    CHECK(atexit(first) == 0 && atexit(second) == 0);
    printf("main");
    return 42;
}
