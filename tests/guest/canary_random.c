/* SPDX-License-Identifier: BSD-2-Clause */
/* The stack canary: the same for all threads, its first byte zero, the others not. That it differs
 * from run to run is for a test that runs this twice: it prints a digest. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

static void *canary(void *argument)
{
    uintptr_t value;

    (void)argument;
    __asm__ volatile("movq %%fs:0x28, %0" : "=r"(value));
    return (void *)value;
}

int main(void)
{
    uintptr_t mine = (uintptr_t)canary(NULL);
    pthread_t thread;
    void *other;

    if (pthread_create(&thread, NULL, canary, NULL) != 0 || pthread_join(thread, &other) != 0)
        return 1;
    printf("digest %08x\n", (unsigned)(mine >> 32 ^ mine) * 2654435761u);
    if ((uintptr_t)other != mine || (mine & 0xff) != 0 || mine >> 8 == 0)
        return 2;
    puts("ok");
    return 0;
}
