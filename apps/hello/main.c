/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest program worth booting: one line through printf. It is what boot time and
 * footprint are measured with, so it stays as small as it is.
 */
#include <stdio.h>

int main(void)
{
    printf("Hello from Coracle\n");
    return 0;
}
