/* SPDX-License-Identifier: BSD-2-Clause */
/* only: xen */
/* run: --watchdog 2 -- 30 */
/* expect: status 134 */
/* expect-stdout: ^tick 29$ */
/* expect-stderr: ^coracle: \S*hang_masked: crash: watchdog: the guest hung for 2 seconds$ */
/*
 * Says a number every 100 ms, as often as its argument says, for longer than the watchdog's time, and
 * then hangs as a kernel can: it computes for ever and no event is taken any more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The kernel's names are out of programs' way behind a prefix. */
unsigned upcalls_mask(void) __asm__("coracle.upcalls_mask");

int main(int argc, char **argv)
{
    const struct timespec step = {.tv_nsec = 100000000};
    int count = argc > 1 ? atoi(argv[1]) : 0;

    for (int i = 0; i < count; i++) {
        nanosleep(&step, NULL);
        printf("tick %d\n", i);
        fflush(stdout);
    }
    upcalls_mask();
    for (volatile unsigned long rounds = 0;; rounds++)
        ;
}
