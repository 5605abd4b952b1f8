/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stderr: crash: (stack overflow|page fault): write to 0x */
/* expect-stderr: descend\+0x */
/* Another thread's recursion meets the guard page below that thread's stack, while a neighbour's
 * stack lies below it. */
#include <pthread.h>
#include <stdint.h>

#include "descend.h"

static void *overflow(void *argument)
{
    return (void *)(intptr_t)descend(argument != 0);
}

static void *wait_for_it(void *argument)
{
    pthread_t *victim = argument;

    pthread_join(*victim, NULL);
    return 0;
}

int main(void)
{
    pthread_t victim, neighbour;

    if (pthread_create(&victim, NULL, overflow, NULL) != 0 ||
        pthread_create(&neighbour, NULL, wait_for_it, &victim) != 0)
        return 1;
    pthread_join(neighbour, NULL);
    return 0;
}
